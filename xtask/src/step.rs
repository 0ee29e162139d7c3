//! The checks of `cargo xtask test`, as a list, and how they are run.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::checkout::Checkout;
use crate::tools::{self, Tool};
use crate::{checks, console, contract, examples, offline_queries, openapi, packages, sdks};

/// One named check.
pub(crate) struct Step {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    /// What it makes sure of, in one line.
    pub(crate) purpose: &'static str,
    /// The programs from outside without which it cannot run.
    pub(crate) needs: &'static [Tool],
    /// Runs it; an error is a failed check.
    pub(crate) run: fn(&Checkout) -> Result<()>,
}

/// Every check, in the order in which it runs: what fails fastest comes first.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "tools",
        purpose: "what the other steps need is on this machine, or is installed now",
        needs: &[],
        run: |checkout| tools::install_missing(checkout, STEPS.iter().flat_map(|step| step.needs)),
    },
    Step {
        name: "fmt",
        purpose: "the sources are formatted",
        needs: &[Tool::RustComponents],
        run: checks::fmt,
    },
    Step {
        name: "proto",
        purpose: "the .proto files keep the rules, and proto/src/grpc is what they give",
        needs: &[],
        run: contract::check,
    },
    Step {
        name: "deny",
        purpose: "licences, sources and the boundaries between the crates (deny.toml)",
        needs: &[Tool::CargoDeny],
        run: checks::deny,
    },
    Step {
        name: "clippy",
        purpose: "no warning, in any target",
        needs: &[Tool::RustComponents],
        run: checks::clippy,
    },
    Step {
        name: "sqlx",
        purpose: "the offline data in queue/.sqlx is what queries and migrations ask for",
        needs: &[Tool::Postgres],
        run: offline_queries::check,
    },
    Step {
        name: "test",
        purpose: "unit and integration tests, on a PostgreSQL of their own",
        needs: &[Tool::Postgres],
        run: checks::test,
    },
    Step {
        name: "console",
        purpose: "a browser walks through the console on the real server, and everybody can use every page",
        needs: &[Tool::Postgres, Tool::Node, Tool::Chromium],
        run: console::check,
    },
    Step {
        name: "openapi",
        purpose: "the real server answers everything as its OpenAPI document says, whatever it is asked",
        needs: &[Tool::Postgres, Tool::Python, Tool::Curl],
        run: openapi::check,
    },
    Step {
        name: "examples",
        purpose: "the receivers in examples/ verify what the producers there enqueue and the real server delivers",
        needs: &[
            Tool::Postgres,
            Tool::Python,
            Tool::Node,
            Tool::Curl,
            Tool::OpenSsl,
            Tool::Go,
            Tool::Php,
            Tool::Ruby,
            Tool::Java,
            Tool::Socat,
        ],
        run: examples::check,
    },
    Step {
        name: "sdks",
        purpose: "the client libraries are what the OpenAPI document gives, and the real server is what their tests expect",
        needs: &[Tool::Postgres, Tool::Python, Tool::Node],
        run: sdks::check,
    },
    Step {
        name: "packages",
        purpose: "Dockerfile, compose.yaml, fly.toml, chart, manifests and unit fit the program, and the tools that read them",
        needs: &[Tool::Python, Tool::Systemd],
        run: packages::check,
    },
];

/// What takes another whole build, and is run by its name: before a release is made.
pub(crate) const BY_NAME: &[Step] = &[Step {
    name: "release",
    purpose: "the image's own build passes, and its program is as small, quick to start and modest as promised",
    needs: &[Tool::Postgres, Tool::Python],
    run: packages::release,
}];

/// The steps of these comma-separated names, in their own order.
///
/// # Errors
/// When a name is not that of a step.
pub(crate) fn choose<'a>(steps: &[&'a Step], names: &str) -> Result<Vec<&'a Step>> {
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    if let Some(unknown) = names
        .iter()
        .find(|name| !steps.iter().any(|step| step.name == **name))
    {
        let known = steps.iter().map(|step| step.name).collect::<Vec<_>>().join(", ");
        bail!("there is no step `{unknown}`; there are: {known}");
    }
    Ok(steps
        .iter()
        .copied()
        .filter(|step| names.contains(&step.name))
        .collect())
}

/// How a step ended.
enum Outcome {
    Passed,
    Failed,
    /// It could not run here, and why. In CI that is a failure.
    NotRun(String),
}

/// Runs the steps up to the first failure, then says what came of each.
pub(crate) fn run_all(checkout: &Checkout, steps: &[&Step]) -> ExitCode {
    let mut report = Vec::new();
    for step in steps {
        println!("\n== {}: {}", step.name, step.purpose);
        let started = Instant::now();
        let outcome = run_one(checkout, step);
        let failed = matches!(outcome, Outcome::Failed);
        report.push((step.name, outcome, started.elapsed()));
        if failed {
            break;
        }
    }
    println!("\n{}", summary(&report, steps.len()));
    if report
        .iter()
        .any(|(_, outcome, _)| matches!(outcome, Outcome::Failed))
    {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn run_one(checkout: &Checkout, step: &Step) -> Outcome {
    for tool in step.needs {
        if let Err(missing) = tool.find(checkout) {
            println!("cannot run here: {tool}: {missing:#}");
            if checkout.in_ci {
                return Outcome::Failed;
            }
            return Outcome::NotRun(format!("needs {tool}"));
        }
    }
    match (step.run)(checkout) {
        Ok(()) => Outcome::Passed,
        Err(error) => {
            println!(
                "\n{} failed: {error:#}\nrepeat it with: cargo xtask test --only {}",
                step.name, step.name
            );
            Outcome::Failed
        }
    }
}

/// A line for each step that was reached, and the count. Steps behind a failure are named as such, never left unsaid.
fn summary(report: &[(&str, Outcome, Duration)], chosen: usize) -> String {
    let mut lines = Vec::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, chosen - report.len());
    for (name, outcome, took) in report {
        let seconds = took.as_secs_f64();
        let said = match outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed => "FAILED".to_owned(),
            Outcome::NotRun(why) => format!("NOT RUN: {why}"),
        };
        match outcome {
            Outcome::Passed => passed += 1,
            Outcome::Failed => failed += 1,
            Outcome::NotRun(_) => skipped += 1,
        }
        lines.push(format!("{name:<10} {seconds:>7.1} s  {said}"));
    }
    if chosen > report.len() {
        lines.push(format!("{} more not reached", chosen - report.len()));
    }
    let total: f64 = report.iter().map(|(_, _, took)| took.as_secs_f64()).sum();
    lines.push(format!("{:<10} {total:>7.1} s\n", "in all"));
    let left_out = if skipped > 0 {
        format!(", {skipped} skipped")
    } else {
        String::new()
    };
    lines.push(format!("{passed} passed, {failed} failed{left_out}"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose_steps_in_the_order_of_the_list() {
        let chosen = choose(&STEPS.iter().collect::<Vec<_>>(), "test, fmt").unwrap();
        assert_eq!(
            chosen.iter().map(|step| step.name).collect::<Vec<_>>(),
            ["fmt", "test"]
        );
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let Err(error) = choose(&STEPS.iter().collect::<Vec<_>>(), "fmt,tset") else {
            panic!("`tset` was taken for a step")
        };
        let error = error.to_string();
        assert!(error.contains("`tset`") && error.contains("clippy"), "{error}");
    }

    #[test]
    fn the_summary_leaves_nothing_unsaid() {
        let second = Duration::from_secs(1);
        let report = [
            ("fmt", Outcome::Passed, second),
            ("examples", Outcome::NotRun("needs node".into()), second),
            ("test", Outcome::Failed, second),
        ];
        let text = summary(&report, 5);
        assert!(
            text.contains("NOT RUN: needs node") && text.contains("2 more not reached"),
            "{text}"
        );
        assert!(text.ends_with("\n1 passed, 1 failed, 3 skipped"), "{text}");
        assert!(summary(&report[..1], 1).ends_with("\n1 passed, 0 failed"));
    }
}

use super::*;

#[test]
fn bounds_are_included() {
    let span = Time(Duration::from_secs(1), Duration::from_mins(1));
    for (text, good) in [
        ("1s", true),
        ("60s", true),
        ("999ms", false),
        ("61s", false),
        ("soon", false),
    ] {
        assert_eq!(span.parse(text).is_ok(), good, "{text}");
    }
    let size = Size(1 << 10, 1 << 20);
    for (text, good) in [
        ("1KiB", true),
        ("1MiB", true),
        ("1023", false),
        ("1048577", false),
    ] {
        assert_eq!(size.parse(text).is_ok(), good, "{text}");
    }
    let count = Count(1, 10);
    for (text, good) in [
        ("1", true),
        ("10", true),
        ("0", false),
        ("11", false),
        ("-1", false),
        ("x", false),
    ] {
        assert_eq!(count.parse(text).is_ok(), good, "{text}");
    }
}

#[test]
fn ranges() {
    for (text, expected) in [
        ("", Ok(vec![])),
        ("10.0.0.0/8", Ok(vec!["10.0.0.0/8"])),
        ("10.0.0.0/8, ::1/128,", Ok(vec!["10.0.0.0/8", "::1/128"])),
        ("192.168.1.7", Ok(vec!["192.168.1.7/32"])),
        ("10.1.2.3/8", Err("write 10.0.0.0/8 or 10.1.2.3")),
        ("10.0.0.0/33", Err("not a range")),
        ("localhost", Err("not a range")),
    ] {
        match (Ranges.parse(text), expected) {
            (Ok(nets), Ok(expected)) => {
                assert_eq!(nets.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (result, _) => panic!("{text:?} gave {result:?}"),
        }
    }
}

#[test]
fn database_urls() {
    for (text, good) in [
        ("postgres://u:p@h/db", true),
        ("postgresql:///db?host=/run/postgresql", true),
        ("mysql://h/db", false),
        ("h/db", false),
    ] {
        assert_eq!(DatabaseUrl.parse(text).is_ok(), good, "{text}");
    }
}

#[test]
fn log_filters() {
    use tracing::Level;
    let lets = |text: &str, part, level| {
        LogFilter
            .parse(text)
            .map(|filter| filter.would_enable(part, &level))
    };
    for (text, part, level, expected) in [
        ("info", "queue::sweep", Level::INFO, true),
        ("info", "queue::sweep", Level::DEBUG, false),
        ("INFO", "queue", Level::INFO, true),
        ("off", "queue", Level::ERROR, false),
        ("info,dispatcher=debug", "dispatcher::lane", Level::DEBUG, true),
        ("info,dispatcher=debug", "dispatcher::lane", Level::TRACE, false),
        ("info,dispatcher=debug", "queue", Level::DEBUG, false),
        (" info , dispatcher = debug ,", "queue", Level::INFO, true),
        (
            "dispatcher::push=warn,dispatcher=debug",
            "dispatcher::push::tls",
            Level::INFO,
            false,
        ),
        ("dispatcher=debug", "queue", Level::ERROR, false),
    ] {
        assert_eq!(
            lets(text, part, level),
            Ok(expected),
            "{text} of {part} at {level}"
        );
    }
    for (text, problem) in [
        ("loud", "\"loud\" in it, which is not a level"),
        ("infoo,dispatcher=debug", "\"infoo\""),
        ("info,dispatcher=loud", "\"loud\""),
        ("info,dispatcher=", "\"\""),
        ("info,=debug", "names no part"),
        ("info,dispatcher[{id}]=debug", "names no part"),
        ("a=b=debug", "\"b=debug\""),
        ("", "names no level"),
        (" , ", "names no level"),
    ] {
        let refused = LogFilter.parse(text).unwrap_err();
        assert!(refused.contains(problem), "{text:?}: {refused}");
    }
}

#[test]
fn empty_is_none_only_where_it_may_be_left_out() {
    assert!(matches!(Maybe(DatabaseUrl).parse(" "), Ok(None)));
    assert!(DatabaseUrl.parse("").is_err());
    assert!(Maybe(Key).parse("c2hvcnQ=").is_err());
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    assert_eq!(Keys.parse(&format!("{key}, {key}")).map(|keys| keys.len()), Ok(2));
    assert!(Keys.parse(&format!("{key},c2hvcnQ=")).is_err());
}

//! How a receiver verifies what it is sent, with the libraries of Standard Webhooks.

/// Languages, each with what it needs and a line or more that verifies a request: `body` is its body as it came, `headers` are its headers, and the
/// secret is in the environment.
pub const SNIPPETS: [(&str, &str); 8] = [
    (
        "Node.js",
        "// npm install standardwebhooks\n\
        import { Webhook } from \"standardwebhooks\";\n\n\
        const event = new Webhook(process.env.WEBHOOK_SECRET).verify(body, headers); // throws if it is forged",
    ),
    (
        "Python",
        "# pip install standardwebhooks\n\
        import os\n\
        from standardwebhooks import Webhook\n\n\
        event = Webhook(os.environ[\"WEBHOOK_SECRET\"]).verify(body, headers)  # raises if it is forged",
    ),
    (
        "Rust",
        "// cargo add standardwebhooks\n\
        use standardwebhooks::Webhook;\n\n\
        let secret = std::env::var(\"WEBHOOK_SECRET\")?;\n\
        Webhook::new(&secret)?.verify(&body, &headers)?; // an error if it is forged",
    ),
    (
        "Go",
        "// go get github.com/standard-webhooks/standard-webhooks/libraries/go\n\
        wh, err := standardwebhooks.NewWebhook(os.Getenv(\"WEBHOOK_SECRET\"))\n\
        if err != nil {\n\treturn err\n}\n\
        err = wh.Verify(body, r.Header) // an error if it is forged",
    ),
    (
        "Java",
        "// com.standardwebhooks:standardwebhooks\n\
        import com.standardwebhooks.Webhook;\n\n\
        new Webhook(System.getenv(\"WEBHOOK_SECRET\")).verify(body, request.headers()); // throws if it is forged",
    ),
    (
        "Ruby",
        "# gem install standardwebhooks\n\
        require \"standardwebhooks\"\n\n\
        event = StandardWebhooks::Webhook.new(ENV[\"WEBHOOK_SECRET\"]).verify(body, headers) # raises if it is forged",
    ),
    (
        "PHP",
        "// composer require standard-webhooks/standard-webhooks\n\
        $webhook = new \\StandardWebhooks\\Webhook(getenv('WEBHOOK_SECRET'));\n\
        $event = $webhook->verify($body, $headers); // throws if it is forged",
    ),
    (
        "C#",
        "// dotnet add package StandardWebhooks.StandardWebhooks\n\
        using StandardWebhooks;\n\n\
        var secret = Environment.GetEnvironmentVariable(\"WEBHOOK_SECRET\");\n\
        new Webhook(secret).Verify(body, headers); // throws if it is forged",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_carries_a_secret() {
        for (language, snippet) in SNIPPETS {
            assert!(
                snippet.contains("WEBHOOK_SECRET") && !snippet.contains("whsec_"),
                "{language}"
            );
        }
    }
}

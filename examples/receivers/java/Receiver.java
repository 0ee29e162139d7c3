// Receives what Posthaste delivers: verifies each request and prints one line for it.
//
// It verifies with Java's own classes, in `verified`, so that it is one file that runs as it is (Java 17): java receivers/java/Receiver.java
// With Maven at hand, com.standardwebhooks:standardwebhooks does the same: new Webhook(secret).verify(body, headers).
//
// Environment: WEBHOOK_SECRET, the endpoint's secret (whsec_...); PORT, where 0, the default, takes any free one.

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Receiver {
    /** Bytes; Posthaste takes no larger payload unless it is configured to. */
    private static final int LARGEST_BODY = 1024 * 1024;

    /** Seconds by which the clocks may differ, as every library of Standard Webhooks has it. */
    private static final long TOLERANCE = 300;

    /** An id comes again only while its delivery is retried. A real receiver keeps the ids in its database, and writes each in the same
     *  transaction as what the task makes it do. */
    private static final int REMEMBERED_IDS = 10_000;

    private final byte[] key;

    private final Set<String> seen = Collections.synchronizedSet(Collections.newSetFromMap(new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
            return size() > REMEMBERED_IDS;
        }
    }));

    Receiver(String secret) {
        key = Base64.getDecoder().decode(secret.replaceFirst("^whsec_", ""));
    }

    /** HMAC-SHA256 over id, time and body, one signature a secret: https://github.com/standard-webhooks/standard-webhooks */
    private boolean verified(byte[] body, Headers headers) throws GeneralSecurityException {
        String id = headers.getFirst("webhook-id");
        String at = headers.getFirst("webhook-timestamp");
        String signatures = headers.getFirst("webhook-signature");
        if (id == null || signatures == null || at == null || !at.matches("\\d{1,18}")) {
            return false;
        }
        if (Math.abs(System.currentTimeMillis() / 1000 - Long.parseLong(at)) > TOLERANCE) {
            return false;
        }
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        mac.update((id + "." + at + ".").getBytes(StandardCharsets.UTF_8));
        byte[] expected = ("v1," + Base64.getEncoder().encodeToString(mac.doFinal(body))).getBytes(StandardCharsets.UTF_8);
        for (String signature : signatures.split(" ")) {
            if (MessageDigest.isEqual(signature.getBytes(StandardCharsets.UTF_8), expected)) {
                return true;
            }
        }
        return false;
    }

    private int receive(HttpExchange exchange) throws IOException, GeneralSecurityException {
        if (!exchange.getRequestMethod().equals("POST")) {
            return 405;
        }
        // The bytes as they came: a body that was parsed and written again has another signature.
        byte[] body = exchange.getRequestBody().readNBytes(LARGEST_BODY + 1);
        if (body.length > LARGEST_BODY) {
            return 413;
        }
        Headers headers = exchange.getRequestHeaders();
        String id = headers.getFirst("webhook-id");
        // The signature covers id, time and body, but not this header: what must not be forged belongs into the body.
        String line = "{\"id\": " + quoted(id) + ", \"type\": " + quoted(headers.getFirst("posthaste-type"));
        if (!verified(body, headers)) {
            System.out.println(line + ", \"verified\": false}");
            return 401;
        }
        // At least once means that a task may come again: say yes to it, and do nothing.
        System.out.println(line + ", \"verified\": true, \"duplicate\": " + !seen.add(id) + "}");
        return 204;
    }

    /** Ids and types hold no character that JSON escapes; a forger's may, and are left out. */
    private static String quoted(String text) {
        return text != null && text.matches("[\\w.:/-]+") ? '"' + text + '"' : "null";
    }

    public static void main(String[] arguments) throws IOException {
        String secret = System.getenv("WEBHOOK_SECRET");
        if (secret == null) {
            System.err.println("WEBHOOK_SECRET is not set: it is the endpoint's secret, whsec_...");
            System.exit(1);
        }
        Receiver receiver = new Receiver(secret);
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "0"));
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), port), 0);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/", exchange -> {
            try (exchange) {
                exchange.sendResponseHeaders(receiver.receive(exchange), -1);
            } catch (GeneralSecurityException error) {
                throw new IOException(error);
            }
        });
        server.start();
        System.out.println("listening on http://127.0.0.1:" + server.getAddress().getPort());
    }
}

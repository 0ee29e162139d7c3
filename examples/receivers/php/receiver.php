<?php
// Receives what Posthaste delivers: verifies each request and prints one line for it.
//
// It verifies with PHP's own functions, in `verified`, so that it needs nothing else. With Composer at hand, the library of Standard Webhooks
// does the same: standard-webhooks/standard-webhooks, (new \StandardWebhooks\Webhook($secret))->verify($body, $headers).
//
//   PORT=9000; echo "listening on http://127.0.0.1:$PORT"; php -S 127.0.0.1:$PORT receivers/php/receiver.php
//
// Environment: WEBHOOK_SECRET, the endpoint's secret (whsec_...).

declare(strict_types=1);

// Bytes; Posthaste takes no larger payload unless it is configured to.
const LARGEST_BODY = 1024 * 1024;

// Seconds by which the clocks may differ, as every library of Standard Webhooks has it.
const TOLERANCE = 300;

/** HMAC-SHA256 over id, time and body, one signature a secret: https://github.com/standard-webhooks/standard-webhooks */
function verified(string $secret, string $body, ?string $id, ?string $at, ?string $signatures): bool
{
    if ($id === null || $signatures === null || !ctype_digit((string) $at) || abs(time() - (int) $at) > TOLERANCE) {
        return false;
    }
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) {
        if (hash_equals($expected, $signature)) {
            return true;
        }
    }
    return false;
}

/** Notes the id; false when it was here before. A request of PHP remembers nothing of the one before it, so a file is made for each id. A
 *  real receiver keeps the ids in its database, and writes each in the same transaction as what the task makes it do. */
function is_new(string $id): bool
{
    $folder = sys_get_temp_dir() . '/posthaste-receiver-' . getmypid();
    @mkdir($folder, 0700);
    $file = @fopen($folder . '/' . hash('sha256', $id), 'x');
    return $file !== false && fclose($file);
}

/** Prints the line, and answers. */
function answer(int $status, array $line): void
{
    file_put_contents('php://stdout', json_encode($line) . "\n");
    http_response_code($status);
}

$secret = getenv('WEBHOOK_SECRET') ?: exit('WEBHOOK_SECRET is not set: it is the endpoint\'s secret, whsec_...');
if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    http_response_code(405);
    return;
}
// The bytes as they came: a body that was parsed and written again has another signature.
$body = file_get_contents('php://input', false, null, 0, LARGEST_BODY + 1);
if (strlen($body) > LARGEST_BODY) {
    http_response_code(413);
    return;
}
$header = fn (string $name): ?string => $_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] ?? null;
$id = $header('webhook-id');
// The signature covers id, time and body, but not this header: what must not be forged belongs into the body.
$line = ['id' => $id, 'type' => $header('posthaste-type')];
if (!verified($secret, $body, $id, $header('webhook-timestamp'), $header('webhook-signature'))) {
    answer(401, $line + ['verified' => false]);
    return;
}
// At least once means that a task may come again: say yes to it, and do nothing.
answer(204, $line + ['verified' => true, 'duplicate' => !is_new($id)]);

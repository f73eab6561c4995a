<?php
/**
 * The smallest core: receives webhooks of the hub and writes what it heard.
 *
 *   WEBHOOK_SECRET=whsec_… php -S 127.0.0.1:9000 integrations/php/example/index.php
 *
 * POST /hook   a webhook; each event is written once to heard.log beside this file, or to HEARD_LOG
 * GET  /       what was heard
 */

declare(strict_types=1);

require __DIR__ . '/../softadastra-chat.php';

$log = getenv('HEARD_LOG') ?: __DIR__ . '/heard.log';

if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    header('Content-Type: text/plain; charset=utf-8');
    echo is_file($log) ? file_get_contents($log) : "nothing was heard yet\n";
    return;
}

try {
    $event = chat_verify_webhook((string) file_get_contents('php://input'), $_SERVER, (string) getenv('WEBHOOK_SECRET'));
} catch (ChatNoWebhook $error) {
    http_response_code(400);
    echo $error->getMessage(), "\n";
    return;
}

// The same event may come again: a real core has a table with a unique key instead of this file.
$known = is_file($log) ? (string) file_get_contents($log) : '';
if (strpos($known, $event['id'] . ' ') === false) {
    $line = $event['id'] . ' ' . $event['type'] . ' ' . json_encode($event['data'], JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
    file_put_contents($log, $line . "\n", FILE_APPEND | LOCK_EX);
}
http_response_code(204);

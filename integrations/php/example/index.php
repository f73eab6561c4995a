<?php
/**
 * The smallest marketplace: two users, a lamp, and what it hears of their conversation.
 *
 *   JWT_SECRET=… WEBHOOK_SECRET=whsec_… php -S 127.0.0.1:9000 integrations/php/example/index.php
 *
 * GET  /        the inboxes of both users, with links to the hub's page, and what was heard
 * POST /shop    puts two profiles and a card, and opens a conversation about it; may be repeated
 * POST /hook    a webhook: each event is written once to HEARD_LOG (heard.log beside this file), and to the terminal
 * GET  /heard   what was heard
 *
 * HUB is where the hub is, http://127.0.0.1:8080 if it is not set.
 */

declare(strict_types=1);

require __DIR__ . '/../softadastra-chat.php';

const SELLER = 1;
const BUYER = 2;
const LAMP = ['kind' => 'product', 'id' => '5'];

$hub = getenv('HUB') ?: 'http://127.0.0.1:8080';
$secret = (string) getenv('JWT_SECRET');
$log = getenv('HEARD_LOG') ?: __DIR__ . '/heard.log';

/** Puts what the marketplace knows, and opens the conversation. Returns what was done. */
function open_shop(string $hub, string $secret): string
{
    $profiles = chat_put_profiles($hub, $secret, [
        ['user_id' => SELLER, 'name' => 'Alice Amani', 'locale' => 'en-UG', 'verified' => true, 'role' => 'seller'],
        ['user_id' => BUYER, 'name' => 'Bob Mwamba', 'locale' => 'fr-CD', 'role' => 'buyer'],
    ]);
    $cards = chat_put_cards($hub, $secret, [LAMP + [
        'version' => 1, 'title' => 'Brass lamp', 'subtitle' => 'Made in Kampala', 'amount' => '250000.00', 'currency' => 'UGX',
        'url' => 'https://shop.example/p/5',
    ]]);
    $message = chat_say($hub, $secret, [
        'user_a' => SELLER, 'user_b' => BUYER, 'card' => LAMP, 'dedupe_key' => 'lamp-5-opened',
        'text' => ['en' => 'Bob has a question about the brass lamp.', 'fr' => 'Bob a une question sur la lampe en laiton.'],
    ]);
    return "profiles changed: $profiles, cards changed: $cards, conversation: {$message['thread_id']}\n";
}

/** Writes an event, unless it was heard before. A real core has a table with a unique key instead of this file. */
function hear(array $event, string $log): void
{
    $file = fopen($log, 'c+');
    flock($file, LOCK_EX);
    $known = (string) stream_get_contents($file);
    if (strpos("\n$known", "\n" . $event['id'] . ' ') === false) {
        $data = json_encode($event['data'], JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
        $line = "{$event['id']} {$event['type']} $data\n";
        fwrite($file, $line);
        file_put_contents('php://stderr', $line);
    }
    fclose($file);
}

/** Shows the inbox of a user, with a link by which the hub's page opens the conversation with another one. */
function show_inbox(string $hub, string $secret, int $user, int $peer): string
{
    $text = static function (?string $text): string {
        return htmlspecialchars((string) $text, ENT_QUOTES);
    };
    $token = chat_token($user, $secret, 'user', 3600, ['peer' => $peer]);
    $link = $text("$hub/#token=$token&card=" . LAMP['kind'] . ':' . LAMP['id']);
    $rows = '';
    foreach (chat_inbox($hub, $secret, $user) as $thread) {
        $last = $thread['last_message'] ?? [];
        $card = $last['card']['title'] ?? null;
        $rows .= '<li><b>' . $text($thread['other']['name'] ?? "user $peer") . '</b> (' . (int) $thread['unread'] . ' unread) '
            . $text($last['content'] ?? '') . ($card === null ? '' : ' [' . $text($card) . ']') . "</li>\n";
    }
    return "<h2>User $user</h2>\n<p><a href=\"$link\">Open the conversation</a></p>\n<ul>\n" . ($rows ?: "<li>No conversation yet</li>\n") . "</ul>\n";
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$route = $_SERVER['REQUEST_METHOD'] . ' ' . $path;
try {
    switch ($route) {
        case 'POST /hook':
            $body = (string) file_get_contents('php://input');
            hear(chat_verify_webhook($body, $_SERVER, (string) getenv('WEBHOOK_SECRET')), $log);
            http_response_code(204);
            break;
        case 'POST /shop':
            header('Content-Type: text/plain; charset=utf-8');
            echo open_shop($hub, $secret);
            break;
        case 'GET /heard':
            header('Content-Type: text/plain; charset=utf-8');
            echo is_file($log) ? file_get_contents($log) : "nothing was heard yet\n";
            break;
        case 'GET /':
            $inboxes = show_inbox($hub, $secret, SELLER, BUYER) . show_inbox($hub, $secret, BUYER, SELLER);
            header('Content-Type: text/html; charset=utf-8');
            echo "<!doctype html><meta charset=\"utf-8\"><title>A shop</title><h1>A shop</h1>\n$inboxes",
                '<form method="post" action="/shop"><button>Put profiles and the card, open the conversation</button></form>',
                '<p><a href="/heard">What was heard</a></p>';
            break;
        default:
            http_response_code(404);
    }
} catch (ChatNoWebhook $error) {
    http_response_code(400);
    echo $error->getMessage(), "\n";
} catch (ChatError $error) {
    http_response_code(502);
    echo $error->getMessage(), "\n";
}

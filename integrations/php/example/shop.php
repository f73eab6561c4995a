<?php
/**
 * A page of the marketplace with the chat in it, on an origin of its own:
 *
 *   JWT_SECRET=… HUB=http://127.0.0.1:8080 php -S 127.0.0.1:9000 integrations/php/example/shop.php
 *
 * The hub lets it in with CHAT_ALLOWED_ORIGINS=http://127.0.0.1:9000, and needs no page of its own.
 */

declare(strict_types=1);

require __DIR__ . '/../softadastra-chat.php';

session_start();
$_SESSION['user'] = (int) ($_GET['sign_in_as'] ?? $_SESSION['user'] ?? 0); // A real shop asks for a password.

if (strtok($_SERVER['REQUEST_URI'], '?') === '/chat/token') {
    http_response_code($_SESSION['user'] ? 200 : 401);
    header('Content-Type: application/json');
    echo json_encode($_SESSION['user'] ? ['token' => chat_token($_SESSION['user'], (string) getenv('JWT_SECRET'))] : []);
    return;
}
$hub = htmlspecialchars((string) getenv('HUB'));
?>
<!doctype html>
<html lang="fr">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bureau en noyer</title>
<script type="module" src="<?= $hub ?>/v1/element.js"></script>
<h1>Bureau en noyer <softadastra-unread token-url="/chat/token"></softadastra-unread></h1>
<softadastra-contact user="2" token-url="/chat/token"></softadastra-contact>
<softadastra-chat token-url="/chat/token"></softadastra-chat>

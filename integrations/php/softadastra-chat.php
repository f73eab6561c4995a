<?php
/**
 * Softadastra Chat for PHP (7.4 and later): one file, without dependencies.
 *
 *   chat_token            a token for a user, or for the core itself
 *   chat_ticket           a ticket that opens one WebSocket within a minute
 *   chat_verify_webhook   verifies a webhook and returns what it says
 *   chat_notify           notifies users
 *   chat_put_profiles     tells the hub who its users are
 *   chat_put_cards        tells the hub what is talked about: products, orders, shops, places
 *   chat_say              says something to two users in their conversation, as the marketplace itself
 *   chat_inbox            the conversations of a user, newest first
 *   chat_events           what has happened since a cursor, for a core that the hub cannot reach
 *
 * See docs/INTEGRATION.md.
 */

declare(strict_types=1);

/** The hub refused a request, or did not answer. The code is the status, 0 without an answer. */
class ChatError extends RuntimeException
{
    /** @var string The error's code, for example `rate_limited`; empty without an answer. */
    public $error = '';
}

/** A request is no webhook of the hub. Answer 400, and do nothing else. */
class ChatNoWebhook extends RuntimeException
{
}

/** Returns bytes as base64url without padding (RFC 4648, 5). */
function chat_base64url(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

/**
 * Makes a token (HS256).
 *
 * @param string $secret the first JWT_SECRET of the hub
 * @param string $role   `user`, `admin`, or `service` for the core alone
 * @param array  $claims further claims: `['peer' => 7]` has the hub's page open the conversation with user 7
 */
function chat_token(int $userId, string $secret, string $role = 'user', int $seconds = 3600, array $claims = []): string
{
    $head = chat_base64url(json_encode(['typ' => 'JWT', 'alg' => 'HS256']));
    $body = chat_base64url(json_encode(['id' => $userId, 'role' => $role, 'iat' => time(), 'exp' => time() + $seconds] + $claims));
    return "$head.$body." . chat_base64url(hash_hmac('sha256', "$head.$body", $secret, true));
}

/**
 * Makes a ticket: it opens one WebSocket, within a minute.
 *
 * @param string $secret CHAT_TICKET_SECRET of the hub; without one, the first JWT_SECRET
 */
function chat_ticket(int $userId, string $secret): string
{
    $uuid = vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex(random_bytes(16)), 4));
    $ticket = "$uuid.$userId." . (time() + 60);
    return "$ticket." . chat_base64url(hash_hmac('sha256', $ticket, $secret, true));
}

/**
 * Verifies a webhook (Standard Webhooks) and returns `['id' => …, 'type' => …, 'timestamp' => …, 'data' => […]]`. The same event
 * may come again: remember the ids that were dealt with.
 *
 * @param string               $body      the request's body, byte by byte: file_get_contents('php://input')
 * @param array<string,string> $headers   its headers: getallheaders(), or $_SERVER
 * @param string               $secret    `whsec_…`
 * @param int                  $tolerance how many seconds the timestamp may be from now
 * @throws ChatNoWebhook
 */
function chat_verify_webhook(string $body, array $headers, string $secret, int $tolerance = 300): array
{
    $found = [];
    foreach ($headers as $name => $value) {
        $found[strtolower(str_replace('_', '-', preg_replace('/^HTTP_/', '', (string) $name)))] = $value;
    }
    $id = (string) ($found['webhook-id'] ?? '');
    $timestamp = (string) ($found['webhook-timestamp'] ?? '');
    $signatures = (string) ($found['webhook-signature'] ?? '');
    if ($id === '' || $signatures === '' || !ctype_digit($timestamp)) {
        throw new ChatNoWebhook('a header is missing: webhook-id, webhook-timestamp or webhook-signature');
    }
    if (abs(time() - (int) $timestamp) > $tolerance) {
        throw new ChatNoWebhook('the timestamp is too far from now; compare the clocks');
    }
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
    if ($key === false || $key === '') {
        throw new ChatNoWebhook('the secret is no whsec_… of the hub');
    }
    $wanted = base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    $verified = false;
    foreach (explode(' ', $signatures) as $signature) {
        // All are compared, each in constant time.
        $verified = (strncmp($signature, 'v1,', 3) === 0 && hash_equals($wanted, substr($signature, 3))) || $verified;
    }
    if (!$verified) {
        throw new ChatNoWebhook('no signature is right');
    }
    $event = json_decode($body, true);
    if (!is_array($event) || !isset($event['type'], $event['timestamp'])) {
        throw new ChatNoWebhook('the body is no event');
    }
    return ['id' => $id] + $event;
}

/**
 * Sends a request to the hub, and returns the answer.
 *
 * @param string     $token whose request it is: chat_token(1, $secret, 'service', 60) is the core's
 * @param array|null $body  what is sent as JSON, if anything is
 * @throws ChatError
 */
function chat_request(string $hub, string $token, string $method, string $path, ?array $body = null): array
{
    $http = ['method' => $method, 'timeout' => 10, 'ignore_errors' => true, 'header' => ["Authorization: Bearer $token"]];
    if ($body !== null) {
        $http['header'][] = 'Content-Type: application/json';
        $http['content'] = json_encode($body, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
    }
    $answer = @file_get_contents(rtrim($hub, '/') . $path, false, stream_context_create(['http' => $http]));
    if ($answer === false) {
        throw new ChatError("the hub at $hub does not answer");
    }
    $status = 0;
    foreach ($http_response_header ?? [] as $line) {
        if (preg_match('#^HTTP/\S+ (\d{3})#', $line, $match)) {
            $status = (int) $match[1];
        }
    }
    $read = json_decode($answer, true);
    if ($status < 200 || $status > 299) {
        $error = new ChatError($read['error']['message'] ?? "the hub answers $status", $status);
        $error->error = (string) ($read['error']['code'] ?? '');
        throw $error;
    }
    return is_array($read) ? $read : [];
}

/** Makes the token with which the core itself asks. */
function chat_core_token(string $secret): string
{
    return chat_token(1, $secret, 'service', 60);
}

/**
 * Notifies users; returns how many notifications are new. With a `dedupe_key` it may be repeated.
 *
 * @param array $notification user_id or user_ids, type, title, body, related_id?, dedupe_key?
 * @throws ChatError
 */
function chat_notify(string $hub, string $secret, array $notification): int
{
    return (int) chat_request($hub, chat_core_token($secret), 'POST', '/internal/notifications', $notification)['created'];
}

/**
 * Tells the hub who its users are, at most 1,000 at a time; returns how many profiles have changed.
 *
 * @param array[] $profiles each: user_id, name, avatar_url?, locale?, timezone?, verified?, role?, email?, contactable?
 * @throws ChatError
 */
function chat_put_profiles(string $hub, string $secret, array $profiles): int
{
    $body = ['profiles' => array_values($profiles)];
    return (int) chat_request($hub, chat_core_token($secret), 'PUT', '/internal/profiles', $body)['changed'];
}

/**
 * Tells the hub what is talked about, at most 500 at a time; returns how many cards have changed.
 *
 * @param array[] $cards each: kind, id, version, title, url, subtitle?, image_url?, amount?, currency?, state?
 * @throws ChatError
 */
function chat_put_cards(string $hub, string $secret, array $cards): int
{
    $body = ['cards' => array_values($cards)];
    return (int) chat_request($hub, chat_core_token($secret), 'PUT', '/internal/cards', $body)['changed'];
}

/**
 * Says something to two users in their conversation, as the marketplace itself, and makes the conversation if there is none; returns
 * the message. With the same `dedupe_key` it is said once.
 *
 * @param array $message user_a, user_b, text (a text, or texts by language), dedupe_key, card?: kind and id
 * @throws ChatError
 */
function chat_say(string $hub, string $secret, array $message): array
{
    return chat_request($hub, chat_core_token($secret), 'POST', '/internal/messages', $message)['message'];
}

/**
 * Returns the conversations of a user, newest first: each with `id`, `other`, `unread` and `last_message`.
 *
 * @return array[]
 * @throws ChatError
 */
function chat_inbox(string $hub, string $secret, int $userId, int $limit = 20): array
{
    return chat_request($hub, chat_token($userId, $secret, 'user', 60), 'GET', "/chat/threads?limit=$limit")['threads'];
}

/**
 * Returns what has happened since a cursor: `events`, `cursor`, `has_more`. Without a cursor: no events, and the cursor of this moment.
 * Keep the cursor with what was made of the events; an event may come again, with the same id.
 *
 * @param int $wait for how many seconds to wait for an event, at most 8
 * @throws ChatError with the code 410 if the hub does not remember so far back
 */
function chat_events(string $hub, string $secret, ?string $cursor = null, int $wait = 0): array
{
    $query = $cursor === null ? '' : '?' . http_build_query(['after' => $cursor, 'limit' => 500, 'wait' => min($wait, 8)]);
    return chat_request($hub, chat_core_token($secret), 'GET', "/internal/events$query");
}

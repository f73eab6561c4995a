<?php
/**
 * Says what in PHP files PHP 7.4 does not know, and exits with 1 if there is anything. A test runs it, for no PHP 7.4 is at hand there:
 *
 *   php integrations/php/seven-four.php integrations/php/softadastra-chat.php
 *
 * It reads tokens: the syntax that 8.0 to 8.2 have brought, and the functions and classes. What the helper does not need at all, such as
 * types after `|`, is refused wherever it stands in a signature.
 */

declare(strict_types=1);

const TOKENS = [T_MATCH => 'match', T_NULLSAFE_OBJECT_OPERATOR => '?->', T_ATTRIBUTE => '#[', T_ENUM => 'enum', T_READONLY => 'readonly'];
const TYPES = ['mixed', 'never', 'static', 'false', 'true', 'null'];
const NAMES = [
    'str_contains', 'str_starts_with', 'str_ends_with', 'get_debug_type', 'get_resource_id', 'fdiv', 'preg_last_error_msg', 'array_is_list',
    'array_find', 'array_find_key', 'array_any', 'array_all', 'fsync', 'fdatasync', 'json_validate', 'mb_str_pad', 'mb_trim',
    'ini_parse_quantity', 'openssl_cipher_key_length', 'curl_upkeep', 'date_sun_info', 'stringable', 'weakmap', 'valueerror',
    'unhandledmatcherror', 'phptoken', 'fiber', 'attribute', 'sensitiveparameter',
];

/** Returns what a text of PHP has that 7.4 does not know, each with its line. */
function newer(string $code): array
{
    $tokens = array_values(array_filter(PhpToken::tokenize($code), static function (PhpToken $token): bool {
        return !$token->isIgnorable();
    }));
    $found = [];
    foreach ($tokens as $at => $token) {
        $before = $tokens[$at - 1] ?? null;
        $after = $tokens[$at + 1] ?? null;
        $what = null;
        if (isset(TOKENS[$token->id])) {
            $what = TOKENS[$token->id];
        } elseif ($token->id === T_THROW && $before !== null && !$before->is([';', '{', '}', ')', T_ELSE])) {
            $what = 'throw in an expression';
        } elseif ($token->id === T_STRING && $after !== null && $after->is(':') && $before !== null && $before->is(['(', ','])) {
            $what = 'a named argument';
        } elseif ($token->id === T_ELLIPSIS && $after !== null && $after->is(')')) {
            $what = 'a callable by (...)';
        } elseif ($token->id === T_CLASS && $before !== null && $before->is(T_DOUBLE_COLON) && $tokens[$at - 2]->is([T_VARIABLE, ')', ']'])) {
            $what = '::class of an object';
        } elseif ($token->id === T_LNUMBER && stripos($token->text, '0o') === 0) {
            $what = 'a number with 0o';
        } elseif ($token->id === T_CATCH && !is_named(until($tokens, $at, [')']))) {
            $what = 'catch without a variable';
        } elseif ($token->is([T_FUNCTION, T_FN])) {
            $what = signature($tokens, $at);
        } elseif ($token->is([T_PUBLIC, T_PROTECTED, T_PRIVATE, T_VAR]) && has_newer_type(until($tokens, $at, [T_STATIC, T_VARIABLE, T_FUNCTION, T_CONST]))) {
            $what = 'the type of a property';
        } elseif ($token->is([T_STRING, T_NAME_FULLY_QUALIFIED]) && in_array(strtolower(ltrim($token->text, '\\')), NAMES, true)) {
            $what = $token->text;
        }
        if ($what !== null) {
            $found[] = "line {$token->line}: $what";
        }
    }
    return $found;
}

/** Returns the tokens behind a place, up to one of these. */
function until(array $tokens, int $at, array $ends): array
{
    $taken = [];
    for ($next = $at + 1; isset($tokens[$next]) && !$tokens[$next]->is($ends); $next++) {
        $taken[] = $tokens[$next];
    }
    return $taken;
}

function is_named(array $tokens): bool
{
    return array_filter($tokens, static function (PhpToken $token): bool { return $token->is(T_VARIABLE); }) !== [];
}

function has_newer_type(array $tokens): bool
{
    return array_filter($tokens, static function (PhpToken $token): bool {
        return $token->text === '|' || in_array(strtolower($token->text), TYPES, true);
    }) !== [];
}

/** Returns what is newer in the signature that begins at a place. */
function signature(array $tokens, int $at): ?string
{
    for ($open = $at + 1; !$tokens[$open]->is('('); $open++);
    for ($depth = 1, $close = $open + 1; ; $close++) {
        $depth += $tokens[$close]->is('(') <=> $tokens[$close]->is(')');
        if ($depth === 0) {
            break;
        }
    }
    $type = [];
    for ($next = $open + 1; $next < $close; $next++) {
        $token = $tokens[$next];
        if ($token->is([T_PUBLIC, T_PROTECTED, T_PRIVATE])) {
            return 'a property in a constructor';
        }
        if ($token->is(T_NEW)) {
            return 'new in a default value';
        }
        if ($token->is(T_VARIABLE)) {
            if (has_newer_type($type)) {
                return 'the type of a parameter';
            }
            $type = [];
            // What comes up to the comma is a default value.
            while ($next + 1 < $close && !$tokens[$next + 1]->is(',')) {
                if ($tokens[++$next]->is(T_NEW)) {
                    return 'new in a default value';
                }
            }
        } elseif (!$token->is(',')) {
            $type[] = $token;
        }
    }
    if ($tokens[$close - 1]->is(',')) {
        return 'a comma behind the last parameter';
    }
    $result = $tokens[$close + 1]->is(':') ? until($tokens, $close + 1, ['{', ';', T_DOUBLE_ARROW]) : [];
    return has_newer_type($result) ? 'the type of a result' : null;
}

$bad = 0;
foreach (array_slice($argv, 1) as $file) {
    foreach (newer((string) file_get_contents($file)) as $what) {
        echo "$file, $what\n";
        $bad = 1;
    }
}
exit($bad);

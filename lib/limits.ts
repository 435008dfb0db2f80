/**
 * Every numeric limit of the project: unit in the name, reason in the doc.
 *
 * @module
 */

/** Longest token that is looked at, in bytes: ten times a generous session token. */
export const MAX_TOKEN_BYTES: number = 16 * 1024;
/** Clock skew granted to `exp`, `nbf` and `iat` everywhere, in seconds. */
export const JWT_LEEWAY_SECONDS: number = 60;
/** Lifetime of a token when none is asked for, in seconds (30 minutes, as the reference). */
export const DEFAULT_TTL_SECONDS: number = 1800;
/** Shortest HMAC secret, in bytes: RFC 7518 §3.2 asks for the hash's own length. */
export const MIN_HMAC_SECRET_BYTES: number = 32;
/** Verified tokens remembered at once: bounds memory at a few MiB. */
export const MAX_CACHED_TOKENS: number = 10_000;
/** Allowed clock drift of a sandbox signature, in seconds. */
export const DEFAULT_SIGNATURE_DRIFT_SECONDS: number = 60;
/** Longest signature header that is parsed, in characters. */
export const MAX_SIGNATURE_HEADER_CHARS: number = 512;
/** Random bytes of a signature's nonce: 128 bits never come twice. */
export const SIGNATURE_NONCE_BYTES: number = 16;
/**
 * Nonces remembered at once: about 80 MB of heap when full. With 60 s of drift that is 16,000 signed requests
 * a second, more than one process forwards.
 */
export const MAX_CACHED_NONCES: number = 1_000_000;
/** Largest body that is held to check a signature over it, in bytes. */
export const MAX_SIGNED_BODY_BYTES: number = 8 * 1024 * 1024;
/** Bytes of such bodies held at once, by all requests together: a part of what small machines have. */
export const MAX_HELD_BODY_BYTES: number = 256 * 1024 * 1024;
/** Most scopes in one token: bounds matching time. */
export const MAX_SCOPES: number = 1000;
/** Longest scope that a refusal names, in characters: header blocks end at 8 KiB in many clients. */
export const MAX_NAMED_SCOPE_CHARS: number = 1024;
/** Largest file read as configuration (PEM, manifest, keyring, credentials), in bytes. */
export const MAX_CONFIG_FILE_BYTES: number = 4 * 1024 * 1024;
/** Largest file read through the file port when nothing else is asked for, in bytes. */
export const DEFAULT_MAX_FILE_BYTES: number = 16 * 1024 * 1024;
/** Largest session token file, in bytes. */
export const MAX_TOKEN_FILE_BYTES: number = 64 * 1024;
/** AES-GCM nonce at the head of a sealed keyring, in bytes. */
export const KEYRING_NONCE_BYTES: number = 12;
/** AES-GCM tag at the end of a sealed keyring, in bytes. */
export const KEYRING_TAG_BYTES: number = 16;
/** AES-256 key of a sealed keyring, in bytes. */
export const KEYRING_KEY_BYTES: number = 32;
/** Deepest nesting of a manifest: TOML parsers recurse. */
export const MAX_MANIFEST_DEPTH: number = 32;
/** Longest request path that is routed, in characters. */
export const MAX_PATH_CHARS: number = 8192;
/** Longest glob pattern in a manifest or flag, in characters. */
export const MAX_GLOB_CHARS: number = 1024;
/** Default port of the proxy. */
export const DEFAULT_PORT: number = 8090;
/** Default wait for an upstream connection, in seconds. */
export const DEFAULT_CONNECT_TIMEOUT_SECONDS: number = 5;
/** Default wait for upstream response headers or the next piece of a body, in seconds. */
export const DEFAULT_READ_TIMEOUT_SECONDS: number = 300;
/** Default time an unused upstream connection is kept, in seconds. */
export const DEFAULT_IDLE_TIMEOUT_SECONDS: number = 60;
/** Default cap on a passthrough request body, in bytes. */
export const DEFAULT_MAX_REQUEST_BYTES: number = 104_857_600;
/** Default cap on a passthrough response body, in bytes. */
export const DEFAULT_MAX_RESPONSE_BYTES: number = 524_288_000;
/** Default time a WebSocket may be silent both ways, in seconds. */
export const DEFAULT_WEBSOCKET_IDLE_SECONDS: number = 600;
/** Default cap on one WebSocket message, in bytes. */
export const DEFAULT_MAX_MESSAGE_BYTES: number = 16 * 1024 * 1024;
/** How long open requests may take after SIGTERM, in milliseconds. */
export const DRAIN_GRACE_MS: number = 10_000;
/** Log lines waiting for a slow reader; beyond it lines are dropped and counted. */
export const MAX_QUEUED_LOG_LINES: number = 10_000;
/** Bytes of log lines waiting for a slow reader. */
export const MAX_QUEUED_LOG_BYTES: number = 8 * 1024 * 1024;
/** JWKS cache life, in seconds. */
export const JWKS_MAX_AGE_SECONDS: number = 300;
/** Largest request header section, in bytes, on runtimes where we choose. */
export const MAX_HEADER_BYTES: number = 16 * 1024;
/** How long a child process may run when nothing else is asked for, in milliseconds. */
export const DEFAULT_SPAWN_TIMEOUT_MS: number = 60_000;
/** Most bytes kept of each output of a child process when nothing else is asked for. */
export const MAX_SPAWN_OUTPUT_BYTES: number = 1024 * 1024;
/** How long a file update waits for another process that holds the lock, in milliseconds. */
export const FILE_LOCK_WAIT_MS: number = 10_000;
/** Age after which a file lock is taken over whoever wrote it, in milliseconds: updates take moments. */
export const FILE_LOCK_STALE_MS: number = 30_000;
/** Age after which a temporary file of a killed writer is removed, in milliseconds. */
export const TEMPORARY_FILE_STALE_MS: number = 600_000;
/** Longest deadline a manifest may set, in seconds: timers count milliseconds in 31 bits. */
export const MAX_TIMEOUT_SECONDS: number = 2_147_483;
/** Longest name in a manifest (provider, tool, header, keyring entry), in characters. */
export const MAX_NAME_CHARS: number = 128;
/** Default wait for a cli provider's program, in seconds (as the reference). */
export const DEFAULT_CLI_TIMEOUT_SECONDS: number = 120;
/** Default wait for a credential generator, in seconds (as the reference). */
export const DEFAULT_GENERATOR_TIMEOUT_SECONDS: number = 30;
/** Latest date in a token, in Unix seconds: beyond it `Date` knows no calendar day. */
export const MAX_NUMERIC_DATE_SECONDS: number = 8_640_000_000_000;
/** Most clock skew that a policy may grant, in seconds: more would be a second lifetime. */
export const MAX_LEEWAY_SECONDS: number = 3600;
/** Shortest secret that is taken out of answers, in characters: shorter ones occur by chance. */
export const MIN_REDACTED_CHARS: number = 8;
/** Most ways in which escapes of one text are read at once: only texts made for it have more. */
export const MAX_SECRET_READINGS: number = 8;
/** Longest delay that a timer takes, in milliseconds: beyond it timers fire at once. */
export const MAX_TIMER_MS: number = 2_147_483_647;
/** Largest declared body handed over as it is, in bytes: watching every piece of it would cost more. */
export const SMALL_BODY_BYTES: number = 64 * 1024;
/** How long a stopping proxy waits for the reader of its log, in milliseconds. */
export const LOG_FLUSH_MS: number = 1000;
/** Longest text of a caller's (job id, subject, method) that is logged, in characters. */
export const MAX_LOGGED_CHARS: number = 256;
/** How long a client may pause inside a request body that a handler reads, in milliseconds. */
export const BODY_IDLE_MS: number = 30_000;
/** How long a client may take to send a request's header section, in milliseconds. */
export const HEADER_READ_MS: number = 15_000;
/** How long an unused client connection is kept, in milliseconds: longer than load balancers keep theirs. */
export const CLIENT_KEEP_ALIVE_MS: number = 75_000;
/** How long the unread rest of a refused request body is drained, in milliseconds, so that the client sees the answer. */
export const REFUSED_BODY_DRAIN_MS: number = 2_000;
/** How long log lines are gathered into one write, in milliseconds. */
export const LOG_GATHER_MS: number = 5;
/** Lifetime of the session token that `ati dev` makes, in seconds: a day of trying things. */
export const DEV_TOKEN_TTL_SECONDS: number = 86_400;
/** Most bytes of a request body that the echo upstream of `ati dev` reads. */
export const MAX_ECHO_BODY_BYTES: number = 1024 * 1024;
/** How long an upstream call runs before the client's abort is listened for, in milliseconds. */
export const WATCH_DELAY_MS: number = 20;
/** Most unknown keys of a manifest that get a "did you mean": each is compared with every known one. */
export const MAX_SUGGESTIONS: number = 100;
/**
 * Sets of upstream connections kept apart, one for each combination of deadlines in the manifests: more
 * than any has, and few enough that a thousand reloads with other deadlines leave nothing behind.
 */
export const MAX_UPSTREAM_POOLS: number = 64;
/** How often watched files are looked at, in milliseconds: a change counts at the second look. */
export const WATCH_INTERVAL_MS: number = 1000;
/** Slowest upload that is waited for where a body goes unwatched, in bytes a second. */
export const SLOWEST_UPLOAD_BYTES_PER_SECOND: number = 16 * 1024;
/** How often the log repeats that an upstream is at a private address, in milliseconds. */
export const ADDRESS_NOTICE_MS: number = 60_000;
/** Most hosts whose last such notice is remembered. */
export const MAX_NOTICED_HOSTS: number = 1000;
/** Longest `tracestate` that is handed on, in characters: what W3C Trace Context §3.3.1.5 asks for. */
export const MAX_TRACESTATE_CHARS: number = 512;
/** Most members of a `tracestate`: W3C Trace Context §3.3.1.1. */
export const MAX_TRACESTATE_MEMBERS: number = 32;
/** Shortest token for `/metrics`, in characters: shorter ones can be tried out. */
export const MIN_METRICS_TOKEN_CHARS: number = 16;
/** Most route names that get metrics of their own; further ones share one: bounds memory over reloads. */
export const MAX_METRIC_ROUTES: number = 1000;
/** Spans waiting for export; beyond it they are dropped and counted (OpenTelemetry's default). */
export const MAX_QUEUED_SPANS: number = 2048;
/** Most spans in one export (OpenTelemetry's default). */
export const MAX_SPAN_BATCH: number = 512;
/** Default wait before spans are exported, in milliseconds (OpenTelemetry's default). */
export const DEFAULT_SPAN_DELAY_MS: number = 5000;
/** Default time between two exports of metrics, in milliseconds (OpenTelemetry's default). */
export const DEFAULT_METRIC_INTERVAL_MS: number = 60_000;
/** Default wait for a collector's answer, in milliseconds (OpenTelemetry's default). */
export const DEFAULT_EXPORT_TIMEOUT_MS: number = 10_000;
/** Times that one export is tried before it is given up. */
export const MAX_EXPORT_ATTEMPTS: number = 5;
/** First wait before an export is tried again, in milliseconds; it doubles. */
export const EXPORT_BACKOFF_MS: number = 1000;
/** Longest wait before an export is tried again, in milliseconds, whatever the collector asks for. */
export const MAX_EXPORT_BACKOFF_MS: number = 30_000;
/** How long a stopping proxy exports what is left, in milliseconds. */
export const EXPORT_FLUSH_MS: number = 2000;
/** Silence after which both connections of a WebSocket are probed, in milliseconds: hosts may be gone. */
export const KEEP_ALIVE_PROBE_MS: number = 60_000;
/** How long both sides of a WebSocket may take after the first close frame, in milliseconds. */
export const WEBSOCKET_CLOSE_MS: number = 5_000;
/**
 * How long a side of a closing WebSocket may take nothing of what waits for it, in milliseconds: systems
 * empty their buffers in large steps, and to a slow reader the last one takes longer than 5 s.
 */
export const WEBSOCKET_DRAIN_MS: number = 30_000;
/** How long the client's side of a WebSocket may take to open behind the 101, in milliseconds. */
export const WEBSOCKET_OPEN_MS: number = 10_000;
/** Bytes of frames that a client may send before its WebSocket is open: beyond it they wait. */
export const MAX_EARLY_BYTES: number = 64 * 1024;
/**
 * Bytes that may wait for a slow client of a WebSocket on Deno and Bun; beyond it the upstream is not
 * read. More than one round trip of a fast connection holds.
 */
export const WEBSOCKET_HIGH_WATER_BYTES: number = 1024 * 1024;
/**
 * Bytes that may wait for a slow upstream of a WebSocket where its client cannot be paused; beyond it the
 * connection is closed with 1013.
 */
export const WEBSOCKET_BACKLOG_BYTES: number = 16 * 1024 * 1024;
/** How often a slow client of a WebSocket is looked at where the runtime does not tell, in milliseconds. */
export const WEBSOCKET_POLL_MS: number = 5;
/**
 * Largest message that Bun's server gathers for a WebSocket, in bytes: it knows one limit for all routes,
 * and so does Deno's.
 */
export const MAX_GATHERED_MESSAGE_BYTES: number = 64 * 1024 * 1024;

//! Every bound of the host, with its reason.

use std::time::Duration;

/// What one application may take of the machine. [`Limits::default`] suits a small server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Linear memory of one instance. A webhook's 25 MiB body, parsed, fits several times over.
    pub memory_bytes: usize,
    /// From a request's arrival at a component to the head of its response.
    pub request_time: Duration,
    /// How long a guest may compute without once waiting for anything.
    pub busy_time: Duration,
    /// How long a response body, or work after the response, may go on.
    pub stream_time: Duration,
    /// How long an instance without work is kept: its statics are caches worth having for a burst.
    pub instance_idle: Duration,
    /// Requests that one instance serves in its life, as in Spin.
    pub requests_per_instance: usize,
    /// The same for an instance that has an event stream open: ending it early would leave one instance behind
    /// for each stream.
    pub requests_per_streaming_instance: usize,
    /// Requests that one instance serves at once, as in Spin.
    pub concurrency_per_instance: usize,
    /// Instances of one component; a request that needs another waits as in the queue. The pool has room for all
    /// components at this bound, so that one that hangs takes nothing from the others. More than the streams,
    /// each of which may hold an instance.
    pub instances_per_component: usize,
    /// Requests at once in one component; those beyond wait in its queue.
    pub requests_per_component: usize,
    /// Requests that wait for one component; those beyond are answered 503.
    pub queue_per_component: usize,
    /// How long a request waits in the queue before it is answered 503.
    pub queue_time: Duration,
    /// Event streams at once from one component.
    pub streams_per_component: usize,
    /// A request's body. The components' own limits are smaller: this one is the last defence.
    pub body_bytes: u64,
    /// The head of a request.
    pub header_bytes: usize,
    pub header_count: usize,
    /// From the start of waiting for a request's head, on a new or a kept connection, to its end.
    pub header_time: Duration,
    /// How long a client may leave what is sent to it unread.
    pub write_time: Duration,
    pub connections: usize,
    /// To the outside: until the connection stands.
    pub connect_time: Duration,
    /// To the outside: until the head of the answer, and between pieces of its body, where the guest sets none.
    pub outbound_time: Duration,
    /// Outbound requests at once, of all components.
    pub outbound_requests: usize,
    /// One result of a SQLite statement, in memory.
    pub sqlite_result_bytes: usize,
    /// One SQLite statement's run.
    pub sqlite_statement_time: Duration,
    /// Connections to one database, without its writer.
    pub sqlite_connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            request_time: Duration::from_secs(60),
            busy_time: Duration::from_secs(10),
            stream_time: Duration::from_secs(3600),
            instance_idle: Duration::from_secs(1),
            requests_per_instance: 128,
            requests_per_streaming_instance: 4096,
            concurrency_per_instance: 16,
            instances_per_component: 64,
            requests_per_component: 128,
            queue_per_component: 512,
            queue_time: Duration::from_secs(5),
            streams_per_component: 48,
            body_bytes: 65 << 20,
            header_bytes: 64 << 10,
            header_count: 100,
            header_time: Duration::from_secs(60),
            write_time: Duration::from_secs(30),
            connections: 1024,
            connect_time: Duration::from_secs(10),
            outbound_time: Duration::from_secs(60),
            outbound_requests: 256,
            sqlite_result_bytes: 32 << 20,
            sqlite_statement_time: Duration::from_secs(10),
            sqlite_connections: 16,
        }
    }
}

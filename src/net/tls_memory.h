#pragma once

namespace postern::net {

/// Gives OpenSSL a separate allocator for its record buffers (about 17 KiB each, two per active
/// connection) and for the larger blocks of handshakes (2 to 4 KiB). These live for milliseconds or
/// seconds, but their neighbours on the heap live as long as the session: without this, each
/// handshake leaves holes, and an idle TLS connection needs twice its size. Call it once, before
/// any other OpenSSL function. False: OpenSSL has already allocated; nothing is changed.
bool separate_tls_buffers();

}  // namespace postern::net

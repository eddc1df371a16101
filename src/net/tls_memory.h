#pragma once

namespace postern::net {

/// Gives OpenSSL a place of its own for its record buffers (about 17 KiB each, two a connection
/// while it speaks). They live seconds, what lies around them on the heap lives as long as the
/// session: without this each handshake leaves a hole, and an idle TLS connection costs twice its
/// size. Call once, before anything else of OpenSSL; false, and nothing is changed, when OpenSSL
/// has allocated already.
bool separate_tls_buffers();

}  // namespace postern::net

// A plain blocking SMTP client for tests of the driver, with real sockets and real TLS.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;

namespace postern::gateway {

/// One connection to 127.0.0.1.
class TestClient {
 public:
  /// Connects.
  explicit TestClient(std::uint16_t port);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  /// Sends the octets as they are.
  void send(std::string_view bytes);
  /// One reply with its continuation lines, without the last CRLF; "closed" at the end of the
  /// stream, "silence" after tests::patience.
  std::string reply();
  /// send() with CRLF, then reply().
  std::string ask(std::string_view line);
  /// STARTTLS and the handshake. False: it failed.
  bool start_tls();
  /// Sends a whole message. Returns the replies to MAIL, RCPT, DATA and the final dot, joined by
  /// '|'.
  std::string transact(std::string_view recipient, std::string_view message);

 private:
  long receive(char* into, std::size_t size);

  int fd_;
  std::string buffer_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::shared_ptr<ssl_st> ssl_;
};

}  // namespace postern::gateway

// A plain blocking SMTP client for tests of the driver: real sockets, real TLS.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;

namespace postern::gateway {

class TestClient {
 public:
  explicit TestClient(std::uint16_t port);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(std::string_view bytes);
  /// One reply, continuation lines included, without the last CRLF; "closed" at the end of the
  /// stream, "silence" after five seconds.
  std::string reply();
  /// send() with CRLF, then reply().
  std::string ask(std::string_view line);
  bool start_tls();
  /// A whole message; the replies to MAIL, RCPT, DATA and the final dot, joined by '|'.
  std::string transact(std::string_view recipient, std::string_view message);

 private:
  long receive(char* into, std::size_t size);

  int fd_;
  std::string buffer_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::shared_ptr<ssl_st> ssl_;
};

}  // namespace postern::gateway

#include "gateway/test_client.h"

#include <cerrno>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/patience_test.h"

namespace postern::gateway {

TestClient::TestClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{.tv_sec = std::chrono::seconds(tests::patience).count(), .tv_usec = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect");
  }
}

TestClient::~TestClient() {
  ssl_.reset();
  ::close(fd_);
}

void TestClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const long sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                           : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

long TestClient::receive(char* into, std::size_t size) {
  return ssl_ ? SSL_read(ssl_.get(), into, static_cast<int>(size)) : ::recv(fd_, into, size, 0);
}

std::string TestClient::reply() {
  for (;;) {
    for (std::size_t start = 0;;) {
      const std::size_t end = buffer_.find("\r\n", start);
      if (end == std::string::npos) break;
      if (end - start < 4 || buffer_[start + 3] == ' ') {
        std::string whole = buffer_.substr(0, end);
        buffer_.erase(0, end + 2);
        return whole;
      }
      start = end + 2;
    }
    char bytes[4096];
    errno = 0;
    const long got = receive(bytes, sizeof bytes);
    if (got <= 0) return errno == EAGAIN ? "silence" : "closed";
    buffer_.append(bytes, static_cast<std::size_t>(got));
  }
}

std::string TestClient::ask(std::string_view line) {
  send(std::string(line) + "\r\n");
  return reply();
}

bool TestClient::start_tls() {
  buffer_.clear();
  context_.reset(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  std::shared_ptr<SSL> ssl(SSL_new(context_.get()), SSL_free);
  SSL_set_fd(ssl.get(), fd_);
  if (SSL_connect(ssl.get()) != 1) return false;
  ssl_ = std::move(ssl);
  return true;
}

std::string TestClient::transact(std::string_view recipient, std::string_view message) {
  std::string all = ask("MAIL FROM:<sender@example.org>");
  all += "|" + ask("RCPT TO:<" + std::string(recipient) + ">");
  all += "|" + ask("DATA");
  if (all.find("|354") == std::string::npos) return all;
  send(message);
  return all + "|" + ask(".");
}

}  // namespace postern::gateway

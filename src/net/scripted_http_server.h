// An HTTP/1.1 server for tests: real sockets on the loopback, blocking, a thread a connection, and
// any misbehaviour that a script asks for.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

namespace postern::net {

/// A server on a port chosen by the system. Stops on destruction.
class ScriptedHttpServer {
 public:
  /// A request as received.
  struct Request {
    std::string method, target;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    int connection = 0;  ///< 1 for the first accepted

    /// The values of a field, joined.
    std::string header(std::string_view name) const {
      std::string all;
      for (const auto& [field, value] : headers)
        if (iequals(field, name)) all += all.empty() ? value : "," + value;
      return all;
    }
  };
  /// What the server does with a request.
  struct Response {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string body = {};
    std::chrono::milliseconds delay{0};
    bool reset = false;       ///< RST in place of an answer
    bool endless = false;     ///< a body without end
    bool stall_body = false;  ///< announces a body that never comes
    bool close = false;
    std::string raw = {};  ///< these octets, then the connection ends
  };
  /// Called for each request, on a connection's thread.
  using Script = std::function<Response(const Request&)>;

  /// `tls` outlives the server; null: plain.
  explicit ScriptedHttpServer(Script script, SSL_CTX* tls = nullptr)
      : script_(std::move(script)), tls_(tls) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 64) != 0)
      std::abort();
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~ScriptedHttpServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    ::close(listener_);
  }

  /// The port on 127.0.0.1.
  std::uint16_t port() const { return port_; }
  /// The URL of `path` on this server.
  std::string url(std::string_view host = "127.0.0.1", std::string_view path = "/hook") const {
    return std::string(tls_ ? "https://" : "http://") + std::string(host) + ":" +
           std::to_string(port_) + std::string(path);
  }
  /// All requests so far.
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  /// Connections accepted so far.
  int connections() const { return connections_; }

 private:
  void accept_all() {
    while (!stopping_) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const int number = ++connections_;
      {
        const std::lock_guard lock(mutex_);
        open_.push_back(fd);
      }
      threads_.emplace_back([this, fd, number] { serve(fd, number); });
    }
  }

  void serve(int fd, int number) {
    SSL* tls = nullptr;
    if (tls_ != nullptr) {
      tls = SSL_new(tls_);
      SSL_set_fd(tls, fd);
    }
    if (tls == nullptr || SSL_accept(tls) == 1) {
      std::string buffer;
      while (one(fd, tls, number, buffer)) {
      }
    }
    if (tls != nullptr) SSL_free(tls);
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
  }

  static long receive(int fd, SSL* tls, char* into, std::size_t size) {
    return tls != nullptr ? SSL_read(tls, into, static_cast<int>(size)) : ::recv(fd, into, size, 0);
  }
  static bool send(int fd, SSL* tls, std::string_view text) {
    while (!text.empty()) {
      const long n = tls != nullptr ? SSL_write(tls, text.data(), static_cast<int>(text.size()))
                                    : ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  bool read_request(int fd, SSL* tls, std::string& buffer, Request& request) {
    char chunk[16384];
    std::size_t end;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
      const long n = receive(fd, tls, chunk, sizeof chunk);
      if (n <= 0) return false;
      buffer.append(chunk, static_cast<std::size_t>(n));
    }
    const std::string head = buffer.substr(0, end);
    buffer.erase(0, end + 4);
    const std::vector<std::string_view> lines = split(head, '\n');
    const std::vector<std::string_view> words = split(trim(lines[0]), ' ');
    request.method = words[0];
    request.target = words.size() > 1 ? std::string(words[1]) : "";
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const std::size_t colon = lines[i].find(':');
      request.headers.emplace_back(trim(lines[i].substr(0, colon)),
                                   trim(lines[i].substr(colon + 1)));
    }
    const std::size_t size = parse_number(request.header("Content-Length")).value_or(0);
    while (buffer.size() < size) {
      const long n = receive(fd, tls, chunk, sizeof chunk);
      if (n <= 0) return false;
      buffer.append(chunk, static_cast<std::size_t>(n));
    }
    request.body = buffer.substr(0, size);
    buffer.erase(0, size);
    return true;
  }

  bool one(int fd, SSL* tls, int number, std::string& buffer) {
    Request request;
    request.connection = number;
    if (!read_request(fd, tls, buffer, request)) return false;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const Response response = script_(request);
    for (auto left = response.delay; left.count() > 0 && !stopping_;
         left -= std::chrono::milliseconds(10))
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (response.reset) {
      const linger now{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
      return false;
    }
    if (!response.raw.empty()) {
      send(fd, tls, response.raw);
      return false;
    }
    std::string head = "HTTP/1.1 " + std::to_string(response.status) + " x\r\n";
    for (const auto& [name, value] : response.headers) head += name + ": " + value + "\r\n";
    if (response.close) head += "Connection: close\r\n";
    if (response.endless) {
      if (!send(fd, tls, head + "\r\n")) return false;
      const std::string block(65536, 'x');
      while (!stopping_ && send(fd, tls, block)) {
      }
      return false;
    }
    const std::size_t size = response.stall_body ? 10 : response.body.size();
    head += "Content-Length: " + std::to_string(size) + "\r\n\r\n";
    return send(fd, tls, head + response.body) && !response.close;
  }

  Script script_;
  SSL_CTX* tls_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::thread acceptor_;
  std::vector<std::thread> threads_;
  mutable std::mutex mutex_;
  std::vector<int> open_;
  std::vector<Request> requests_;
};

}  // namespace postern::net

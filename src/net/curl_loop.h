// Drives libcurl's multi interface by an event loop. For http_client.cc only.
#pragma once

#include <memory>
#include <unordered_map>

#include <curl/curl.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace postern::net {

/// Waits for a transfer; set as its CURLOPT_PRIVATE.
class CurlWaiter {
 public:
  /// Called once, on the loop's thread, when the transfer ends.
  virtual void finished(CURLcode code) = 0;

 protected:
  ~CurlWaiter() = default;
};

/// Owns the multi handle and every socket that libcurl opens. For the loop's thread only.
class CurlLoop : public std::enable_shared_from_this<CurlLoop> {
 public:
  /// `idle_connections`: the number kept open for reuse. Throws std::bad_alloc.
  CurlLoop(const boost::asio::any_io_executor& executor, long idle_connections);
  ~CurlLoop();
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  /// The executor of the loop.
  boost::asio::any_io_executor executor() { return timer_.get_executor(); }
  /// Starts a transfer.
  void add(CURL* easy);
  /// Stops a transfer; CurlWaiter::finished() is not called.
  void remove(CURL* easy);

  /// For CURLOPT_OPENSOCKETFUNCTION: a new socket, non-blocking and close-on-exec. CURL_SOCKET_BAD
  /// on failure; `errno` gives the reason.
  curl_socket_t open(const curl_sockaddr& address);
  /// Makes this loop close the sockets of `easy`.
  void own_sockets(CURL* easy);

 private:
  struct Watch {
    explicit Watch(const boost::asio::any_io_executor& executor) : descriptor(executor) {}
    boost::asio::posix::stream_descriptor descriptor;
    bool want_read = false;
    bool want_write = false;
    bool reading = false;  ///< a wait for reading is pending
    bool writing = false;  ///< a wait for writing is pending
  };

  static int on_socket(CURL*, curl_socket_t socket, int what, void* loop, void*);
  static int on_timer(CURLM*, long milliseconds, void* loop);
  static int on_close(void* loop, curl_socket_t socket);
  void arm(curl_socket_t socket, const std::shared_ptr<Watch>& watch);
  void ready(curl_socket_t socket, const std::shared_ptr<Watch>& watch, int direction);
  void act(curl_socket_t socket, int events);

  CURLM* multi_;
  boost::asio::steady_timer timer_;
  std::unordered_map<curl_socket_t, std::shared_ptr<Watch>> watches_;
};

}  // namespace postern::net

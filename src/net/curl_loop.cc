#include "net/curl_loop.h"

#include <cerrno>
#include <chrono>
#include <new>

#include <sys/socket.h>
#include <unistd.h>

namespace postern::net {
namespace asio = boost::asio;

namespace {

/// Once per process, before the first handle. Thread-safe.
void initialise_library() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (done != CURLE_OK) throw std::bad_alloc();
}

}  // namespace

CurlLoop::CurlLoop(const asio::any_io_executor& executor, long idle_connections)
    : timer_(executor) {
  initialise_library();
  multi_ = curl_multi_init();
  if (multi_ == nullptr) throw std::bad_alloc();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlLoop::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlLoop::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, idle_connections);
}

CurlLoop::~CurlLoop() {
  curl_multi_cleanup(multi_);  // closes idle connections through on_close
  watches_.clear();
}

void CurlLoop::add(CURL* easy) { curl_multi_add_handle(multi_, easy); }

void CurlLoop::remove(CURL* easy) { curl_multi_remove_handle(multi_, easy); }

curl_socket_t CurlLoop::open(const curl_sockaddr& address) {
  const int fd =
      ::socket(address.family, address.socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address.protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  auto watch = std::make_shared<Watch>(executor());
  boost::system::error_code error;
  watch->descriptor.assign(fd, error);
  if (error) {
    ::close(fd);
    errno = error.value();
    return CURL_SOCKET_BAD;
  }
  watches_[fd] = std::move(watch);
  return fd;
}

void CurlLoop::own_sockets(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &CurlLoop::on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
}

int CurlLoop::on_close(void* data, curl_socket_t socket) {
  auto* const self = static_cast<CurlLoop*>(data);
  const auto found = self->watches_.find(socket);
  if (found == self->watches_.end()) return ::close(socket);
  const std::shared_ptr<Watch> watch = found->second;
  self->watches_.erase(found);
  watch->want_read = watch->want_write = false;
  boost::system::error_code ignored;
  watch->descriptor.close(ignored);  // its waits end with an error
  return 0;
}

int CurlLoop::on_socket(CURL*, curl_socket_t socket, int what, void* data, void*) {
  auto* const self = static_cast<CurlLoop*>(data);
  const auto found = self->watches_.find(socket);
  if (found == self->watches_.end()) return 0;
  const std::shared_ptr<Watch> watch = found->second;
  watch->want_read = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
  watch->want_write = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
  self->arm(socket, watch);
  return 0;
}

void CurlLoop::arm(curl_socket_t socket, const std::shared_ptr<Watch>& watch) {
  const auto wait = [&](bool Watch::* waiting, asio::posix::stream_descriptor::wait_type direction,
                        int events) {
    watch.get()->*waiting = true;
    watch->descriptor.async_wait(direction, [weak = weak_from_this(), watch, socket, waiting,
                                             events](const boost::system::error_code& error) {
      watch.get()->*waiting = false;
      const std::shared_ptr<CurlLoop> self = weak.lock();
      if (self && !error) self->ready(socket, watch, events);
    });
  };
  if (watch->want_read && !watch->reading)
    wait(&Watch::reading, asio::posix::stream_descriptor::wait_read, CURL_CSELECT_IN);
  if (watch->want_write && !watch->writing)
    wait(&Watch::writing, asio::posix::stream_descriptor::wait_write, CURL_CSELECT_OUT);
}

void CurlLoop::ready(curl_socket_t socket, const std::shared_ptr<Watch>& watch, int direction) {
  // libcurl may no longer wait for the socket, have closed it, or have opened another with its
  // number.
  const auto found = watches_.find(socket);
  if (found == watches_.end() || found->second != watch) return;
  if (direction == CURL_CSELECT_IN ? !watch->want_read : !watch->want_write) return;
  act(socket, direction);
  const auto still = watches_.find(socket);
  if (still != watches_.end() && still->second == watch) arm(socket, watch);
}

int CurlLoop::on_timer(CURLM*, long milliseconds, void* data) {
  auto* const self = static_cast<CurlLoop*>(data);
  if (milliseconds < 0) {
    self->timer_.cancel();
    return 0;
  }
  self->timer_.expires_after(std::chrono::milliseconds(milliseconds));
  self->timer_.async_wait([weak = self->weak_from_this()](const boost::system::error_code& error) {
    const std::shared_ptr<CurlLoop> loop = weak.lock();
    if (loop && !error) loop->act(CURL_SOCKET_TIMEOUT, 0);
  });
  return 0;
}

void CurlLoop::act(curl_socket_t socket, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, socket, events, &running);
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    char* waiter = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &waiter);
    if (waiter != nullptr) reinterpret_cast<CurlWaiter*>(waiter)->finished(code);
  }
}

}  // namespace postern::net

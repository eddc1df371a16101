#include "gateway/server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/allocator.h"
#include "base/thread.h"
#include "net/duplicate_acceptor.h"
#include "net/event_loop.h"
#include "net/stream.h"
#include "telemetry/log.h"

namespace postern::gateway {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds accept_pause{100};
constexpr int backlog = 1024;
/// Replies are short, and a client that does not read them must not fill the kernel's memory, which
/// otherwise lets a buffer grow to megabytes. The kernel doubles it (socket(7)): 32 KiB.
constexpr int send_buffer = 16 * 1024;
constexpr std::chrono::milliseconds look_again{10};
/// How long drain() waits for the sessions that it ends with 421.
constexpr std::chrono::milliseconds last_words{500};
/// Connections after which the heap is trimmed at the next quiet moment.
constexpr std::uint64_t trim_after = 512;
constexpr unsigned trim_after_sweeps = 8;  // two seconds: the last handshakes are over
/// Decrease of charged memory, in octets, from which on the heap is trimmed.
constexpr std::uint64_t worth_a_trim = 16u << 20;

void set_options(tcp::acceptor& acceptor, boost::system::error_code& error) {
  // Accepted sockets inherit it.
  acceptor.set_option(asio::socket_base::send_buffer_size(send_buffer), error);
  // Otherwise a connection that was aborted in the backlog is skipped silently, and the next one
  // waits until yet another client connects.
  if (!error) acceptor.set_option(asio::socket_base::enable_connection_aborted(true), error);
}

/// Says what cannot be had to a connection that gets no session.
void refuse_connection(int connection) {
  constexpr std::string_view sorry = "421 4.3.2 too many open files, try again later\r\n";
  ::send(connection, sorry.data(), sorry.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

struct Server::Worker {
  net::EventLoop context;
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  Loop loop{.context = context, .deadlines = {}};
  std::vector<std::shared_ptr<tcp::acceptor>> acceptors;
  std::thread thread;
};

Server::Server(std::size_t loops, Services& services, Admission& admission)
    : services_(services),
      admission_(admission),
      spare_descriptor_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  for (std::size_t i = 0; i < std::max<std::size_t>(1, loops); ++i) {
    workers_.push_back(std::make_unique<Worker>());
  }
}

void Server::halt() {
  for (const auto& worker : workers_) worker->context.stop();
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
}

void Server::clear() {
  for (const auto& worker : workers_) worker->context.clear();
}

Server::~Server() {
  halt();
  clear();
  if (spare_descriptor_ >= 0) ::close(spare_descriptor_);
}

asio::io_context& Server::loop(std::size_t index) { return workers_.at(index)->context; }

Result<std::shared_ptr<tcp::acceptor>> Server::open(Worker& worker, const Address& at) {
  auto acceptor = std::make_shared<tcp::acceptor>(worker.context);
  const tcp::endpoint endpoint(asio::ip::make_address(at.ip.to_string()), at.port);
  boost::system::error_code error;
  acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  const int one = 1;
  ::setsockopt(acceptor->native_handle(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  if (!error && endpoint.protocol() == tcp::v6()) {
    acceptor->set_option(asio::ip::v6_only(true), error);
  }
  if (!error) acceptor->bind(endpoint, error);
  if (!error) set_options(*acceptor, error);
  if (!error) acceptor->listen(backlog, error);
  if (!error) return acceptor;
  const Fault fault = error == asio::error::address_in_use  ? Fault::conflict
                      : error == asio::error::access_denied ? Fault::denied
                                                            : Fault::permanent;
  return fail(fault, error.message());
}

Result<std::uint16_t> Server::listen(const Address& address,
                                     std::shared_ptr<const ListenerSettings> settings) {
  // SO_REUSEPORT would let a second process share the port unnoticed: tries without it first.
  if (address.port != 0) {
    asio::io_context probe_context;
    tcp::acceptor probe(probe_context);
    const tcp::endpoint endpoint(asio::ip::make_address(address.ip.to_string()), address.port);
    boost::system::error_code error;
    probe.open(endpoint.protocol(), error);
    if (!error) probe.set_option(tcp::acceptor::reuse_address(true), error);
    // As open() does: otherwise a listener on 0.0.0.0 takes the port of one on [::].
    if (!error && endpoint.protocol() == tcp::v6()) {
      probe.set_option(asio::ip::v6_only(true), error);
    }
    if (!error) probe.bind(endpoint, error);
    if (!error) probe.listen(1, error);
    if (error == asio::error::address_in_use) return fail(Fault::conflict, error.message());
  }
  const std::size_t index = listeners_.size();
  Address actual = address;
  listeners_.push_back({.settings = std::move(settings)});
  for (const auto& worker : workers_) {
    auto acceptor = open(*worker, actual);
    if (!acceptor) return tl::unexpected(acceptor.error());
    actual.port = (*acceptor)->local_endpoint().port();
    accept_from(*worker, index, std::move(*acceptor));
  }
  return actual.port;
}

void Server::accept_from(Worker& worker, std::size_t listener,
                         std::shared_ptr<tcp::acceptor> acceptor) {
  worker.acceptors.push_back(acceptor);
  asio::co_spawn(worker.context, accept(worker, listener, std::move(acceptor)), asio::detached);
}

Result<void> Server::listen(std::span<const int> sockets,
                            std::shared_ptr<const ListenerSettings> settings) {
  const std::size_t index = listeners_.size();
  listeners_.push_back({.settings = std::move(settings)});
  for (const auto& worker : workers_) {
    for (const int socket : sockets) {
      auto acceptor = net::duplicate_acceptor(worker->context, socket);
      if (!acceptor) return tl::unexpected(acceptor.error());
      boost::system::error_code error;
      set_options(**acceptor, error);
      if (error) return fail(Fault::permanent, error.message());
      accept_from(*worker, index, std::move(*acceptor));
    }
  }
  return {};
}

std::shared_ptr<const ListenerSettings> Server::settings(std::size_t listener,
                                                         const tcp::socket& socket) {
  std::shared_ptr<const ListenerSettings> settings;
  {
    const std::lock_guard lock(mutex_);
    settings = listeners_[listener].settings;
  }
  if (settings->variants.empty()) return settings;
  boost::system::error_code gone;
  const auto client = socket.remote_endpoint(gone);
  const auto own = socket.local_endpoint(gone);
  if (gone) return settings;
  return settings_for(settings, net::from_asio(client.address()), net::from_asio(own.address()));
}

void Server::replace_settings(std::size_t index, std::shared_ptr<const ListenerSettings> settings) {
  const std::lock_guard lock(mutex_);
  listeners_.at(index).settings = std::move(settings);
}

// Without a free descriptor, accept() fails at once while the connection waits in the backlog. The
// spare descriptor is closed to accept it, reply and close it.
void Server::out_of_descriptors(tcp::acceptor& acceptor) {
  const std::lock_guard lock(mutex_);
  if (spare_descriptor_ >= 0) ::close(spare_descriptor_);
  const int connection = ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
  if (connection >= 0) {
    refuse_connection(connection);
    ::close(connection);
  }
  spare_descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  telemetry::log::error("session.error").field("error", "no file descriptor left");
}

Task<void> Server::accept(Worker& worker, std::size_t listener,
                          std::shared_ptr<tcp::acceptor> acceptor) {
  accepting_.fetch_add(1);
  co_await accept_until_closed(worker, listener, std::move(acceptor));
  accepting_.fetch_sub(1);
}

Task<void> Server::accept_until_closed(Worker& worker, std::size_t listener,
                                       std::shared_ptr<tcp::acceptor> acceptor) {
  while (acceptor->is_open()) {
    auto [error, socket] = co_await acceptor->async_accept(asio::as_tuple(asio::use_awaitable));
    if (!error) {
      const auto rules = settings(listener, socket);
      if (!admission_.has_room(sessions_.load())) {  // descriptors are not reserved for more
        telemetry::metrics().listener(rules->name).turned_away(telemetry::Turned::limit);
        refuse_connection(socket.native_handle());
        continue;
      }
      const std::size_t others = listeners_[listener].sessions->fetch_add(1);
      const bool full = rules->connections != 0 && others >= rules->connections;
      auto connection =
          std::make_unique<Connection>(std::move(socket), rules, services_, admission_, worker.loop,
                                       full ? Connection::Room::none : Connection::Room::some);
      sessions_.fetch_add(1);
      accepted_.fetch_add(1, std::memory_order_relaxed);
      asio::co_spawn(worker.context, serve(worker, listener, std::move(connection)),
                     asio::detached);
      continue;
    }
    if (error == asio::error::operation_aborted || !acceptor->is_open()) co_return;
    if (error == asio::error::connection_aborted) continue;  // the next connection may be waiting
    if (error == asio::error::no_descriptors || error.value() == ENFILE) {
      out_of_descriptors(*acceptor);
    }
    asio::steady_timer timer(worker.context, accept_pause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

Task<void> Server::serve(Worker&, std::size_t listener, std::unique_ptr<Connection> connection) {
  co_await connection->run();
  connection.reset();
  listeners_[listener].sessions->fetch_sub(1);
  sessions_.fetch_sub(1);
}

// A burst of handshakes fragments the heap: buffers that OpenSSL freed lie between objects that
// live on. After the burst the free pages are returned to the system, and so is the memory of large
// sessions, whether or not new clients connect.
void Server::return_memory() {
  const std::uint64_t accepted = accepted_.load(std::memory_order_relaxed);
  quiet_sweeps_ = accepted == accepted_seen_ ? quiet_sweeps_ + 1 : 0;
  accepted_seen_ = accepted;
  const MemoryBudget& memory = services_.resources.memory();
  most_charged_ = std::max(most_charged_, services_.resources.memory().take_peak());
  const std::uint64_t gone = most_charged_ - std::min(most_charged_, memory.used());
  ++sweeps_since_trim_;
  const bool burst_over =
      quiet_sweeps_ >= trim_after_sweeps && accepted - accepted_trimmed_ >= trim_after;
  const bool much_gone =
      sweeps_since_trim_ >= trim_after_sweeps && gone >= worth_a_trim && gone >= most_charged_ / 4;
  if (!burst_over && !much_gone) return;
  give_back_free_memory();
  accepted_trimmed_ = accepted;
  sweeps_since_trim_ = 0;
  most_charged_ = memory.used();
}

Task<void> Server::sweep(Worker& worker) {
  asio::steady_timer timer(worker.context);
  for (;;) {
    timer.expires_after(net::Deadlines::interval);
    const auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    worker.loop.deadlines.sweep(net::Deadlines::Clock::now());
    if (&worker == workers_.front().get()) return_memory();
  }
}

void Server::start() {
  std::size_t number = 0;
  for (const auto& worker : workers_) {
    asio::co_spawn(worker->context, sweep(*worker), asio::detached);
    worker->thread = named_thread("smtp-" + std::to_string(number++),
                                  [loop = worker.get()] { loop->context.run(); });
  }
}

void Server::close() {
  for (const auto& worker : workers_) {
    asio::post(worker->context, [loop = worker.get()] {
      for (const auto& acceptor : loop->acceptors) acceptor->close();
      loop->loop.draining = true;
      loop->loop.deadlines.cancel_idle();
    });
  }
}

void Server::wait_until(std::chrono::steady_clock::time_point end) const {
  // A connection that was accepted before its acceptor closed is a session a moment later.
  while ((accepting_.load() > 0 || sessions_.load() > 0) &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(look_again);
  }
}

std::size_t Server::drain(std::chrono::milliseconds limit) {
  close();
  wait_until(std::chrono::steady_clock::now() + limit);
  const std::size_t cut = sessions_.load();
  if (cut > 0) {
    for (const auto& worker : workers_) {
      asio::post(worker->context, [loop = worker.get()] { loop->loop.deadlines.cancel_all(); });
    }
    wait_until(std::chrono::steady_clock::now() + last_words);
  }
  return cut;
}

}  // namespace postern::gateway

// A mail host for tests: a scripted SMTP server on the loopback.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include "base/patience_test.h"

namespace postern::relay {

/// How a host behaves.
struct Manner {
  std::string greeting = "220 mx.example ESMTP";  ///< empty: keeps silent
  std::string ehlo = "250-mx.example\r\n250-PIPELINING\r\n250 8BITMIME";
  std::map<std::string, std::string> replies;  ///< by verb, instead of success
  bool leave_after_message = false;            ///< closes the connection without a reply
  bool leave_at_tls = false;             ///< closes the connection after the reply to STARTTLS
  std::chrono::milliseconds ponders{0};  ///< time before it replies to a message
  /// The reply to a command line, empty: as without it. May block; called by many threads.
  std::function<std::string(const std::string& line)> answer;
};

/// A host that takes mail on any number of connections, with a thread for each.
class Taker {
  using tcp = boost::asio::ip::tcp;

 public:
  explicit Taker(Manner manner = {}, const char* address = "127.0.0.1")
      : manner_(std::move(manner)),
        acceptor_(loop_, tcp::endpoint(boost::asio::ip::make_address(address), 0)),
        thread_([this] { accept(); }) {}
  ~Taker() {
    stopping_ = true;
    // Wakes accept().
    boost::asio::io_context loop;
    tcp::socket socket(loop);
    boost::system::error_code ignored;
    socket.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
    for (std::thread& each : served_) each.join();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  std::string hop() const { return "[127.0.0.1]:" + std::to_string(port()); }

  /// The command lines of each connection, in order; text is `(message)`. Call it when the client
  /// has closed its connections: before that, its last command may still be in transit.
  std::vector<std::vector<std::string>> heard() {
    (void)tests::eventually([this] { return open_ == 0; });
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  /// The same, after that many connections have sent QUIT: the client does not wait for the reply.
  std::vector<std::vector<std::string>> heard_to_the_end(std::size_t connections) {
    std::vector<std::vector<std::string>> all;
    (void)tests::eventually([&] {
      all = heard();
      const auto over = std::count_if(all.begin(), all.end(), [](const auto& lines) {
        return !lines.empty() && lines.back() == "QUIT";
      });
      return static_cast<std::size_t>(over) == connections;
    });
    return all;
  }
  std::vector<std::string> clients() {
    const std::lock_guard lock(mutex_);
    return clients_;
  }

 private:
  void accept() {
    for (;;) {
      tcp::socket socket(loop_);
      boost::system::error_code error;
      acceptor_.accept(socket, error);
      if (error || stopping_) return;
      const std::lock_guard lock(mutex_);
      clients_.push_back(socket.remote_endpoint(error).address().to_string());
      const std::size_t number = heard_.size();
      heard_.emplace_back();
      ++open_;
      served_.emplace_back([this, number, s = std::move(socket)]() mutable {
        serve(number, s);
        --open_;
      });
    }
  }
  void serve(std::size_t number, tcp::socket& socket) {
    boost::system::error_code error;
    boost::asio::streambuf buffer;
    const auto say = [&](const std::string& text) {
      boost::asio::write(socket, boost::asio::buffer(text + "\r\n"), error);
    };
    if (!manner_.greeting.empty()) say(manner_.greeting);
    bool text = false;
    for (;;) {
      const std::size_t size = boost::asio::read_until(socket, buffer, "\r\n", error);
      if (error) return;
      std::string line(static_cast<const char*>(buffer.data().data()), size - 2);
      buffer.consume(size);
      if (text && line != ".") continue;
      const std::string verb = text ? "." : line.substr(0, 4);
      {
        const std::lock_guard lock(mutex_);
        heard_[number].push_back(text ? "(message)" : line);
      }
      text = false;
      if (verb == ".") std::this_thread::sleep_for(manner_.ponders);
      const std::string own = manner_.answer && verb != "." ? manner_.answer(line) : std::string();
      if (!own.empty()) {
        say(own);
        continue;
      }
      const auto special = manner_.replies.find(verb);
      if (special != manner_.replies.end()) {
        say(special->second);
        if (special->second.starts_with("421") || (manner_.leave_at_tls && verb == "STAR")) return;
        continue;
      }
      if (verb == "EHLO") {
        say(manner_.ehlo);
      } else if (verb == "DATA") {
        text = true;
        say("354 go");
      } else if (verb == "QUIT") {
        say("221 bye");
        return;
      } else {
        say("250 2.0.0 ok");
      }
      if (verb == "." && manner_.leave_after_message) return;
    }
  }

  Manner manner_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> open_{0};
  boost::asio::io_context loop_;
  tcp::acceptor acceptor_;
  std::mutex mutex_;
  std::vector<std::vector<std::string>> heard_;
  std::vector<std::string> clients_;
  std::list<std::thread> served_;
  std::thread thread_;
};

}  // namespace postern::relay

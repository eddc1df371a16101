// Plays tests/suites/relay/dane.json: whether a chain matches the TLSA records, with a real
// handshake.
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "net/stream.h"
#include "relay/suite_zone_test.h"
#include "relay/tls_policy.h"

namespace postern::relay {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
namespace json = boost::json;
using asio::ip::tcp;
using testing::strings;

const fs::path dane_folder = POSTERN_SOURCE_DIR "/tests/suites/relay";

/// One handshake, in its own thread, of a server that presents the chain.
class TlsServer {
 public:
  explicit TlsServer(const fs::path& chain)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
        acceptor_(loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context_.get(), chain.c_str()), 1) << chain;
    // The key is one of the suite's keys.
    bool found = false;
    for (const auto& entry : fs::directory_iterator(dane_folder / "certs")) {
      if (entry.path().extension() != ".key") continue;
      found = SSL_CTX_use_PrivateKey_file(context_.get(), entry.path().c_str(), SSL_FILETYPE_PEM) ==
                  1 &&
              SSL_CTX_check_private_key(context_.get()) == 1;
      if (found) break;
    }
    EXPECT_TRUE(found) << "no key for " << chain;
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() { thread_.join(); }
  tcp::endpoint at() const { return acceptor_.local_endpoint(); }

 private:
  void serve() {
    tcp::socket socket(loop_);
    boost::system::error_code error;
    acceptor_.accept(socket, error);
    if (error) return;
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), SSL_free);
    SSL_set_fd(ssl.get(), static_cast<int>(socket.native_handle()));
    if (SSL_accept(ssl.get()) != 1) return;
    char octet = 0;
    SSL_read(ssl.get(), &octet, 1);  // until the client closes
  }

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  asio::io_context loop_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

struct Seen {
  Result<void> shaken = fail(Fault::bug, "did not end");
  bool verified = false;
};

Task<void> connect(net::Stream* stream, const net::TlsPeer* peer, Seen* seen) {
  static const auto context = net::TlsClientContext::make("").value();
  seen->shaken = co_await stream->handshake_as_client(context, *peer);
  seen->verified = stream->peer_verified();
  stream->close();
}

Seen handshake(const fs::path& chain, const net::TlsPeer& peer) {
  TlsServer server(chain);
  asio::io_context loop(1);
  tcp::socket socket(loop);
  socket.connect(server.at());
  net::Stream stream(std::move(socket));
  Seen seen;
  asio::co_spawn(loop, connect(&stream, &peer, &seen), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  loop.run();
  return seen;
}

TEST(DaneSuite, plays_every_case) {
  const json::value suite = json::parse(tests::read_file(dane_folder / "dane.json"));
  ASSERT_EQ(suite.at("format").as_string(), "postern-relay-dane/1");
  std::size_t played = 0;
  for (const json::value& test : suite.at("cases").as_array()) {
    SCOPED_TRACE(std::string(test.at("id").as_string()));
    const std::string expected(test.at("expect").at("result").as_string());
    net::TlsPeer peer{.names = strings(test.at("names")), .verify = true};
    peer.tlsa = strings(test.at("tlsa"));
    std::vector<std::size_t> usable;
    for (std::size_t i = 0; i < peer.tlsa.size(); ++i)
      if (is_usable_tlsa(peer.tlsa[i])) usable.push_back(i);
    // RFC 7672 §2.2: without a usable record any certificate is accepted.
    if (usable.empty()) peer = {.names = peer.names};
    const Seen seen = handshake(dane_folder / std::string(test.at("chain").as_string()), peer);
    EXPECT_EQ(usable.empty(), expected == "encrypt");
    EXPECT_EQ(seen.shaken.has_value(), expected != "fail")
        << (seen.shaken ? std::string() : seen.shaken.error().message);
    EXPECT_EQ(seen.verified, expected == "verified");
    ++played;
  }
  EXPECT_EQ(played, suite.at("cases").as_array().size());
  EXPECT_GE(played, 58u);
}

TEST(DaneSuite, a_certificate_is_compared_without_being_demanded) {
  const net::TlsPeer peer{.names = {"mx1.example.test"}};
  const Seen seen = handshake(dane_folder / "certs/chain-mx1.pem", peer);
  EXPECT_TRUE(seen.shaken);
  EXPECT_FALSE(seen.verified) << "its root is not the system's";
}

}  // namespace
}  // namespace postern::relay

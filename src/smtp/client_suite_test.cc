// Plays tests/suites/relay/dialogue.json against the client core, with scripted servers in memory.
// Certificates are verified with OpenSSL at the point of the handshake; the data inside TLS is not
// encrypted. SNI belongs to the driver and is not compared.
#include <algorithm>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "smtp/client_attempt.h"
#include "smtp/relay_suite_test.h"
#include "smtp/scripted_host_test.h"

namespace postern::smtp {
namespace {

// ---- certificates

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

std::vector<Certificate> certificates(const std::string& path) {
  const std::string pem = tests::read_file(folder + path);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  std::vector<Certificate> out;
  while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    out.emplace_back(one, &X509_free);
  }
  return out;
}

bool trusted(const std::vector<Certificate>& chain, const std::string& ca,
             const std::string& name) {
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(),
                                                                      &X509_STORE_free);
  const auto roots = certificates(ca);
  for (const auto& root : roots) X509_STORE_add_cert(store.get(), root.get());
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> untrusted(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  for (const auto& one : chain) sk_X509_push(untrusted.get(), one.get());
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(
      X509_STORE_CTX_new(), &X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), untrusted.get());
  return X509_verify_cert(context.get()) == 1 &&
         X509_check_host(chain.front().get(), name.data(), name.size(),
                         X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

/// `3 1 1 hex` only: dane.json covers the rest.
bool matches_tlsa(const Certificate& leaf, const std::string& record) {
  if (!record.starts_with("3 1 1 ")) return false;
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf.get()), &der);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(der, static_cast<std::size_t>(size), digest);
  OPENSSL_free(der);
  return hex_encode({reinterpret_cast<const char*>(digest), sizeof digest}) == record.substr(6);
}

// ---- patterns (the suite's README)

bool glob(std::string_view pattern, std::string_view line) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == line;
  if (!line.starts_with(pattern.substr(0, star))) return false;
  for (std::size_t i = star; i <= line.size(); ++i) {
    if (glob(pattern.substr(star + 1), line.substr(i))) return true;
  }
  return false;
}

struct PathLine {
  std::string path;
  std::vector<std::string> parameters;
};

PathLine path_line(const std::string& line) {
  const std::size_t close = line.find('>');
  PathLine out{line.substr(0, close + 1), {}};
  const std::size_t colon = out.path.find(':');
  out.path = upper(out.path.substr(0, colon)) + out.path.substr(colon);
  for (const std::string_view word : split(std::string_view(line).substr(close + 1), ' ')) {
    if (!word.empty()) out.parameters.emplace_back(word);
  }
  return out;
}

bool parameter_matches(const std::string& pattern, const std::string& word) {
  const bool exact =
      pattern.find("ORCPT") != std::string::npos || pattern.find("ENVID") != std::string::npos;
  return exact ? glob(pattern, word) : glob(upper(pattern), upper(word));
}

bool same(const std::string& pattern, const std::string& line) {
  if (pattern.starts_with("re:")) {
    return std::regex_match(line, std::regex(pattern.substr(3), std::regex::icase));
  }
  if (pattern.starts_with('<') || line.starts_with('<')) return glob(pattern, line);
  const std::string verb = upper(pattern.substr(0, pattern.find(' ')));
  if (verb != "MAIL" && verb != "RCPT") return glob(upper(pattern), upper(line));
  if (!istarts_with(line, verb)) return false;
  const PathLine wanted = path_line(pattern);
  PathLine got = path_line(line);
  if (wanted.path != got.path) return false;
  for (const std::string& parameter : wanted.parameters) {
    const bool optional = parameter.front() == '?';
    const std::string one = optional ? parameter.substr(1) : parameter;
    const auto found =
        std::find_if(got.parameters.begin(), got.parameters.end(),
                     [&](const std::string& p) { return parameter_matches(one, p); });
    if (found != got.parameters.end()) {
      got.parameters.erase(found);
    } else if (!optional) {
      return false;
    }
  }
  return got.parameters.empty();
}

/// Empty if the lines match the patterns, otherwise the difference.
std::string walk(const json::array& patterns, const std::vector<std::string>& lines) {
  const auto is_free = [](const std::string& line) {
    return istarts_with(line, "QUIT") || istarts_with(line, "RSET") || istarts_with(line, "NOOP");
  };
  std::size_t i = 0;
  for (const auto& value : patterns) {
    std::string pattern = text(value);
    const bool optional = pattern.starts_with('?');
    if (optional) pattern.erase(0, 1);
    while (i < lines.size() && !same(pattern, lines[i]) && is_free(lines[i])) ++i;
    if (i < lines.size() && same(pattern, lines[i])) {
      ++i;
    } else if (!optional) {
      return "expected " + pattern + ", got " + (i < lines.size() ? lines[i] : "nothing");
    }
  }
  for (; i < lines.size(); ++i) {
    if (!is_free(lines[i])) return "left over: " + lines[i];
  }
  return {};
}

// ---- playing a case

class SuitePlayer {
 public:
  SuitePlayer(const json::object& test, std::size_t piece)
      : test_(test),
        client_(test.at("client").as_object()),
        octets_(content(text(test.at("message").at("content")))),
        piece_(piece) {
    message_ = suite_message(test);
  }

  void play() {
    const auto& hosts = test_.at("hosts").as_array();
    DeliveryAttempt attempt(message_, hosts.size());
    std::map<std::size_t, std::size_t> numbers;
    while (const auto dial = attempt.next()) {
      ASSERT_LT(connections.size(), 50u) << "an attempt without end";
      const auto& host = hosts[dial->host].as_object();
      only_keys(host, {"name", "greeting", "ehlo", "ehlo_tls", "implicit_tls", "refuse", "tls",
                       "replies", "connections"});
      ASSERT_FALSE(flag(host, "implicit_tls")) << "not played here";
      if (flag(host, "refuse")) {
        attempt.unreachable("connection refused");
        continue;
      }
      connections.emplace_back(host, numbers[dial->host]++);
      connect(attempt, *dial, connections.back());
    }
    results = attempt.results();
  }

  std::deque<ScriptedHost> connections;
  std::vector<RecipientResult> results;
  const std::string& octets() const { return octets_; }
  const OutboundMessage& message() const { return message_; }

 private:
  ClientOptions options(const DeliveryAttempt::Dial& dial) const {
    ClientOptions out = suite_options(client_);
    if (dial.without_tls) out.tls = TlsLevel::none;
    return out;
  }

  bool handshake(const ScriptedHost& server, std::size_t host) const {
    if (server.handshake_script() != "ok") return false;
    const std::string level = text(client_.at("tls"));
    const auto chain = certificates(server.certificate("chain", "certs/chain-mx1.pem"));
    EXPECT_FALSE(chain.empty());
    if (level == "verify") {
      return trusted(chain, text(client_.at("ca")), text(client_.at("names").at(host)));
    }
    if (level != "dane") return true;
    const auto& tlsa = client_.at("tlsa").as_array();
    return std::any_of(tlsa.begin(), tlsa.end(), [&](const json::value& record) {
      return matches_tlsa(chain.front(), text(record));
    });
  }

  void connect(DeliveryAttempt& attempt, const DeliveryAttempt::Dial& dial, ScriptedHost& server) {
    const ClientOptions facts = options(dial);
    ClientSession session(facts);
    session.deliver(attempt.remaining());
    bool told = false;
    for (int steps = 0;; ++steps) {
      ASSERT_LT(steps, 2'000'000) << "a connection without end";
      const std::string said = session.take_output();
      session.written();
      if (!said.empty()) server.receive(said);
      if (!server.output.empty()) {
        std::string_view reply = server.output;
        if (piece_ > 0) reply = reply.substr(0, piece_);
        // Separate memory: the sanitizer finds a view that outlives the call.
        session.feed(std::string(reply));
        server.output.erase(0, reply.size());
        continue;
      }
      if (server.closed && !told) {
        told = true;
        session.lost(Lost::closed);
        continue;
      }
      const ClientEvent event = session.next();
      if (const auto* done = std::get_if<DeliveryDone>(&event)) {
        if (done->reusable) session.quit();
        server.receive(session.take_output());
        attempt.finished(session.results(), *done);
        return;
      }
      if (std::holds_alternative<NeedTls>(event)) {
        const bool good = handshake(server, dial.host);
        server.handshake(good);
        if (good) {
          session.tls_started();
        } else {
          session.tls_failed("handshake or verification failed");
        }
      } else if (const auto* text = std::get_if<NeedText>(&event)) {
        const std::size_t room =
            std::min<std::size_t>(text->room, piece_ > 0 ? piece_ * 100 : 5000);
        session.text(std::string(octets_.substr(text->offset, room)));
      } else if (said.empty()) {
        session.lost(Lost::timeout);
      }
    }
  }

  const json::object& test_;
  const json::object& client_;
  OutboundMessage message_;
  std::string octets_;
  std::size_t piece_;
};

std::string compare(const json::array& wanted, const std::deque<ScriptedHost>& got) {
  if (wanted.size() != got.size()) {
    return std::to_string(got.size()) + " connections, expected " + std::to_string(wanted.size());
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    only_keys(wanted[i].as_object(), {"host", "commands", "sni"});
    if (text(wanted[i].at("host")) != got[i].name) return "connection to " + got[i].name;
    const std::string fault = walk(wanted[i].at("commands").as_array(), got[i].log);
    if (!fault.empty()) return got[i].name + ": " + fault;
  }
  return {};
}

void check(const json::object& expect, const SuitePlayer& player) {
  only_keys(expect, {"connections", "or_connections", "never", "messages", "body", "recipients"});
  if (const auto* wanted = expect.if_contains("connections")) {
    std::string fault = compare(wanted->as_array(), player.connections);
    if (const auto* others = expect.if_contains("or_connections")) {
      for (const auto& other : others->as_array()) {
        if (!fault.empty()) fault = compare(other.as_array(), player.connections);
      }
    }
    EXPECT_EQ(fault, "");
  }
  std::size_t messages = 0;
  const std::string body = player.octets().substr(player.octets().find("\r\n\r\n"));
  for (const ScriptedHost& host : player.connections) {
    messages += host.messages.size();
    if (const auto* never = expect.if_contains("never")) {
      for (const auto& pattern : never->as_array()) {
        const std::regex bad(text(pattern), std::regex::icase);
        for (const std::string& line : host.log) EXPECT_FALSE(std::regex_search(line, bad)) << line;
      }
    }
    for (const std::string& message : host.messages) {
      if (expect.contains("body")) {
        EXPECT_TRUE(message.substr(message.find("\r\n\r\n")) == body) << "body changed";
      }
    }
    for (const std::string& line : host.log) EXPECT_NE(line, "<bare-lf>");
  }
  if (const auto* wanted = expect.if_contains("messages")) {
    EXPECT_EQ(messages, static_cast<std::size_t>(wanted->to_number<std::uint64_t>()));
  }
  const auto& wanted = expect.at("recipients").as_object();
  for (std::size_t i = 0; i < player.message().recipients.size(); ++i) {
    const std::string& address = player.message().recipients[i].address;
    const RecipientResult& result = player.results.at(i);
    EXPECT_NE(result.klass, ResultClass::none) << address;
    EXPECT_EQ(result.enhanced.klass, result.klass == ResultClass::delivered   ? 2
                                     : result.klass == ResultClass::temporary ? 4
                                                                              : 5);
    if (!wanted.contains(address)) continue;
    const auto& one = wanted.at(address).as_object();
    only_keys(one, {"class", "code", "enhanced"});
    EXPECT_EQ(class_name(result.klass), text(one.at("class"))) << address << " " << result.text;
    if (one.contains("code")) {
      EXPECT_EQ(result.code, one.at("code").to_number<std::uint16_t>()) << address;
    }
    if (one.contains("enhanced")) {
      EXPECT_EQ(result.enhanced.to_string(), text(one.at("enhanced")))
          << address << " " << result.text;
    }
  }
}

std::vector<std::size_t> case_numbers() {
  std::vector<std::size_t> out(suite().at("cases").as_array().size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = i;
  return out;
}

std::string case_name(const testing::TestParamInfo<std::size_t>& info) {
  std::string name = text(suite().at("cases").as_array()[info.param].at("id"));
  std::replace_if(name.begin(), name.end(), [](char c) { return !is_alnum(c); }, '_');
  return name;
}

class ClientSuite : public testing::TestWithParam<std::size_t> {};

TEST_P(ClientSuite, PlaysAsWritten) {
  const auto& test = suite().at("cases").as_array()[GetParam()].as_object();
  only_keys(test, {"id", "title", "rules", "note", "domain", "client", "message", "hosts", "expect",
                   "baseline"});
  SuitePlayer player(test, 0);
  player.play();
  check(test.at("expect").as_object(), player);
}

TEST_P(ClientSuite, PlaysTheSameInSmallPieces) {
  const auto& test = suite().at("cases").as_array()[GetParam()].as_object();
  for (const std::size_t piece : {1, 3}) {
    SuitePlayer player(test, piece);
    player.play();
    check(test.at("expect").as_object(), player);
  }
}

INSTANTIATE_TEST_SUITE_P(Dialogue, ClientSuite, testing::ValuesIn(case_numbers()), case_name);

TEST(ClientSuiteFile, HasAllItsCases) { EXPECT_EQ(suite().at("cases").as_array().size(), 91u); }

}  // namespace
}  // namespace postern::smtp

// The format of tests/suites/relay/dialogue.json, parsed strictly; shared by the tests that play
// it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "base/text.h"
#include "smtp/client_session.h"

namespace postern::smtp {

namespace json = boost::json;

inline const std::string folder = POSTERN_SOURCE_DIR "/tests/suites/relay/";

inline const json::object& suite() {
  static const json::value parsed = json::parse(tests::read_file(folder + "dialogue.json"));
  return parsed.as_object();
}

inline std::string text(const json::value& value) { return std::string(value.as_string()); }

inline std::string text_or(const json::object& object, std::string_view key,
                           std::string otherwise = {}) {
  const auto* found = object.if_contains(key);
  return found != nullptr ? text(*found) : otherwise;
}

inline bool flag(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found != nullptr && found->as_bool();
}

inline std::string content(std::string_view name) {
  const json::value& found = suite().at("contents").as_object().at(name);
  if (found.is_string()) return text(found);
  std::string out = text(found.at("head"));
  const std::string line = text(found.at("line"));
  for (auto n = found.at("times").to_number<int>(); n > 0; --n) out += line;
  return out;
}

inline void only_keys(const json::object& object, const std::set<std::string>& known) {
  for (const auto& [key, value] : object) EXPECT_TRUE(known.contains(std::string(key))) << key;
}

inline OutboundMessage suite_message(const json::object& test) {
  const auto& message = test.at("message").as_object();
  only_keys(message, {"from", "content", "rcpts", "ret", "envid", "smtputf8", "requiretls"});
  OutboundMessage out;
  out.reverse_path = text(message.at("from"));
  for (const auto& value : message.at("rcpts").as_array()) {
    const auto& rcpt = value.as_object();
    only_keys(rcpt, {"addr", "notify", "orcpt"});
    out.recipients.push_back(
        {text(rcpt.at("addr")), text_or(rcpt, "notify"), text_or(rcpt, "orcpt")});
  }
  out.ret = text_or(message, "ret");
  out.envid = text_or(message, "envid");
  out.smtputf8 = flag(message, "smtputf8");
  out.requiretls = flag(message, "requiretls");
  const std::string octets = content(text(message.at("content")));
  out.size = octets.size();
  const std::size_t body = octets.find("\r\n\r\n") + 4;
  out.header_8bit = !is_ascii(std::string_view(octets).substr(0, body));
  out.body_8bit = !is_ascii(std::string_view(octets).substr(body));
  return out;
}

/// For the dialogue, DANE is a form of verification.
inline ClientOptions suite_options(const json::object& client) {
  only_keys(client, {"tls", "chunking", "eightbit", "names", "ca", "tlsa", "auth"});
  static const std::map<std::string, TlsLevel> levels{{"none", TlsLevel::none},
                                                      {"may", TlsLevel::may},
                                                      {"encrypt", TlsLevel::encrypt},
                                                      {"verify", TlsLevel::verify},
                                                      {"dane", TlsLevel::verify}};
  ClientOptions out;
  out.ehlo_name = "relay.sender.test";
  out.tls = levels.at(text(client.at("tls")));
  out.chunking = text_or(client, "chunking") == "auto";
  out.send_8bit = text_or(client, "eightbit") == "send";
  if (const auto* auth = client.if_contains("auth")) {
    out.credentials =
        ClientCredentials{text(auth->at("user")), Secret(text(auth->at("password"))), "nonce"};
  }
  return out;
}

inline std::string class_name(ResultClass klass) {
  switch (klass) {
    case ResultClass::none:
      return "none";
    case ResultClass::delivered:
      return "delivered";
    case ResultClass::temporary:
      return "temporary";
    case ResultClass::permanent:
      return "permanent";
  }
  return "";
}

}  // namespace postern::smtp

// The scripted servers of tests/suites/relay/dialogue.json, in memory; relay_sink.py plays the same
// on sockets. The format is in tests/suites/relay/README.md.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json.hpp>

#include "base/text.h"

namespace postern::smtp {

class ScriptedHost {
 public:
  /// One connection: number `number` to this host, from 0.
  ScriptedHost(const boost::json::object& host, std::size_t number) : script_(host) {
    if (const auto* connections = host.if_contains("connections")) {
      const auto& over = connections->as_array();
      for (const auto& [key, value] : over[std::min(number, over.size() - 1)].as_object()) {
        if (key == "replies") {
          for (const auto& [verb, reply] : value.as_object()) replies_[verb] = reply;
        } else {
          script_[key] = value;
        }
      }
    }
    if (const auto* replies = script_.if_contains("replies")) {
      for (const auto& [verb, reply] : replies->as_object()) {
        if (!replies_.contains(verb)) replies_[verb] = reply;
      }
    }
    name = text(script_.at("name"));
    const auto* greeting = script_.if_contains("greeting");
    answer(greeting != nullptr ? *greeting : boost::json::value(), "220 " + name + " ESMTP");
  }

  std::string name;
  std::vector<std::string> log;
  std::vector<std::string> messages;
  std::string output;   ///< not yet read by the client
  bool closed = false;  ///< after `output`
  bool awaits_tls = false;

  void receive(std::string_view octets) {
    if (closed || silent_) return;
    input_ += octets;
    while (!closed && !silent_ && !awaits_tls && step()) {
    }
  }

  /// The server's behaviour in the handshake: ok, drop, garbage, hang, tls1.0.
  std::string handshake_script() const { return handshake_; }
  void handshake(bool succeeds) {
    awaits_tls = false;
    // A server that dropped the connection itself expects nothing of the client.
    if (succeeds) log.emplace_back("<TLS>");
    if (!succeeds && handshake_ == "ok") log.emplace_back("<TLS failed>");
    tls_ = succeeds;
    if (!succeeds) closed = true;
  }
  std::string certificate(const std::string& part, const std::string& otherwise) const {
    const auto* tls = script_.if_contains("tls");
    return tls != nullptr ? text(tls->at(part)) : otherwise;
  }

 private:
  static std::string text(const boost::json::value& value) {
    return std::string(value.as_string());
  }

  boost::json::value pick(const std::string& verb, const std::string& address = {}) {
    if (!replies_.contains(verb)) return nullptr;
    std::string key = verb;
    boost::json::value spec = replies_[verb];
    if (spec.is_object() && !address.empty()) {
      const auto& object = spec.as_object();
      if (!object.contains("send") && !object.contains("then") && !object.contains("tls")) {
        key += " " + address;
        const auto* own = object.if_contains(address);
        if (own == nullptr) own = object.if_contains("*");
        const boost::json::value found = own != nullptr ? *own : boost::json::value();
        spec = found;
      }
    }
    if (!spec.is_array()) return spec;
    const std::size_t n = used_[key]++;
    const boost::json::value found = spec.as_array()[std::min(n, spec.as_array().size() - 1)];
    return found;
  }

  /// Sends a reply; returns its first digit.
  char answer(const boost::json::value& spec, const std::string& otherwise) {
    std::string said = otherwise;
    bool raw = false;
    std::string then;
    bool silent = spec.is_null() && otherwise.empty();
    if (spec.is_string()) said = text(spec);
    if (spec.is_object()) {
      const auto& object = spec.as_object();
      silent = !object.contains("send");
      if (!silent) said = text(object.at("send"));
      raw = object.contains("raw") && object.at("raw").as_bool();
      if (object.contains("then")) then = text(object.at("then"));
    }
    if (!silent) {
      for (const char c : said) {
        if (c == '\n' && !raw) output += '\r';
        output += c;
      }
      if (!raw) output += "\r\n";
    }
    if (then == "close" || then == "rst") closed = true;
    if (then == "silence") silent_ = true;
    return silent ? '0' : said.front();
  }

  bool step() {
    if (chunk_ > 0 || in_chunk_) return take_chunk();
    if (in_data_) return take_data();
    const std::size_t lf = input_.find('\n');
    if (lf == std::string::npos) return false;
    std::string line = input_.substr(0, lf);
    input_.erase(0, lf + 1);
    if (line.ends_with('\r')) {
      line.pop_back();
    } else {
      log.emplace_back("<bare-lf>");
    }
    if (auth_line_) {
      auth_line_ = false;
      answer(nullptr, "235 2.7.0 ok");
      return true;
    }
    log.push_back(line);
    command(line);
    return true;
  }

  void command(const std::string& line) {
    const std::string verb = upper(line.substr(0, line.find(' ')));
    if (verb == "EHLO" || verb == "HELO") {
      std::vector<std::string> lines{name};
      const auto* words =
          script_.if_contains(tls_ && script_.contains("ehlo_tls") ? "ehlo_tls" : "ehlo");
      if (verb == "EHLO" && words != nullptr) {
        for (const auto& word : words->as_array()) lines.push_back(text(word));
      }
      std::string all;
      for (std::size_t i = 0; i < lines.size(); ++i) {
        all +=
            (i == 0 ? "" : "\n") + std::string(i + 1 < lines.size() ? "250-" : "250 ") + lines[i];
      }
      answer(pick(tls_ && replies_.contains(verb + "-TLS") ? verb + "-TLS" : verb), all);
    } else if (verb == "STARTTLS") {
      boost::json::value spec = pick("STARTTLS");
      handshake_ = "ok";
      if (spec.is_object() && spec.as_object().contains("tls")) {
        handshake_ = text(spec.at("tls"));
        spec.as_object().erase("tls");
        if (spec.as_object().empty()) spec = nullptr;
      }
      awaits_tls = answer(spec, "220 2.0.0 go ahead") == '2';
    } else if (verb == "MAIL") {
      recipients_ = 0;
      answer(pick("MAIL"), "250 2.1.0 ok");
    } else if (verb == "RCPT") {
      const std::size_t open = line.find('<');
      const std::string address = line.substr(open + 1, line.find('>') - open - 1);
      if (answer(pick("RCPT", address), "250 2.1.5 ok") == '2') ++recipients_;
    } else if (verb == "DATA") {
      const std::string otherwise = recipients_ > 0 ? "354 go" : "554 5.5.1 no valid recipients";
      if (answer(pick("DATA"), otherwise) == '3') {
        in_data_ = true;
        body_ = "\r\n";
        during_ = pick("BODY");
      }
    } else if (verb == "BDAT") {
      const auto words = split(line, ' ');
      chunk_ = chunk_size_ = parse_number(words.at(1)).value();
      last_chunk_ = iequals(words.back(), "LAST");
      in_chunk_ = true;
    } else if (verb == "RSET") {
      recipients_ = 0;
      answer(pick("RSET"), "250 2.0.0 ok");
    } else if (verb == "QUIT") {
      answer(pick("QUIT"), "221 2.0.0 bye");
      closed = true;
    } else if (verb == "AUTH") {
      const auto spec = pick("AUTH");
      if (split(line, ' ').size() == 2 && spec.is_null()) {
        answer(nullptr, "334 ");
        log.emplace_back("<auth line>");
        auth_line_ = true;
      } else {
        answer(spec, "235 2.7.0 ok");
      }
    } else {
      answer(pick(verb), verb == "NOOP" ? "250 2.0.0 ok" : "502 5.5.1 not implemented");
    }
  }

  bool take_chunk() {
    const std::size_t size = std::min<std::size_t>(chunk_, input_.size());
    chunks_ += input_.substr(0, size);
    input_.erase(0, size);
    chunk_ -= size;
    if (chunk_ > 0) return false;
    in_chunk_ = false;
    log.push_back("<chunk " + std::to_string(chunk_size_) + ">");
    if (!last_chunk_) {
      answer(pick("BDAT"), "250 2.0.0 ok");
      return true;
    }
    message(std::exchange(chunks_, {}));
    answer(pick("DOT"), "250 2.0.0 taken");
    return true;
  }

  bool take_data() {
    const std::size_t from = body_.size() < 5 ? 0 : body_.size() - 5;
    body_ += std::exchange(input_, {});
    const std::size_t end = body_.find("\r\n.\r\n", from);
    if (end != std::string::npos) {
      input_ = body_.substr(end + 5);
      in_data_ = false;
      std::string plain;
      bool line_start = true;
      for (const char c : body_.substr(2, end)) {
        if (!line_start || c != '.') plain += c;
        line_start = c == '\n';
      }
      message(plain);
      answer(pick("DOT"), "250 2.0.0 taken");
      return true;
    }
    if (during_.is_object()) {
      const auto* after = during_.as_object().if_contains("after_bytes");
      const std::size_t limit =
          after != nullptr ? static_cast<std::size_t>(after->to_number<std::uint64_t>()) : 1;
      if (body_.size() - 2 >= limit) {
        log.emplace_back("<body cut>");
        answer(std::exchange(during_, nullptr), "");
      }
    }
    return false;
  }

  void message(const std::string& octets) {
    log.emplace_back(octets.empty() ? "<empty message>" : "<message>");
    if (!octets.empty()) messages.push_back(octets);
  }

  boost::json::object script_;
  std::map<std::string, boost::json::value> replies_;
  std::map<std::string, std::size_t> used_;
  std::string input_;
  std::string body_;
  std::string chunks_;
  boost::json::value during_;
  std::string handshake_;
  std::uint64_t chunk_ = 0;
  std::uint64_t chunk_size_ = 0;
  std::size_t recipients_ = 0;
  bool in_chunk_ = false;
  bool last_chunk_ = false;
  bool in_data_ = false;
  bool auth_line_ = false;
  bool silent_ = false;
  bool tls_ = false;
};

}  // namespace postern::smtp

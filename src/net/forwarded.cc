#include "net/forwarded.h"

#include <algorithm>

#include "base/text.h"
#include "net/http_head.h"

namespace postern::net {
namespace {

/// RFC 7239 §6.2 and §6.3: the port may be obfuscated.
bool is_node_port(std::string_view text) {
  if (!text.starts_with('_')) return parse_port(text).has_value();
  return text.size() > 1 && std::all_of(text.begin() + 1, text.end(), [](char c) {
           return is_alnum(c) || c == '.' || c == '_' || c == '-';
         });
}

/// Parses `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
std::optional<IpAddress> node(std::string_view text) {
  const Result<HostAndPortView> parts = split_port(text);
  if (!parts || (parts->port && !is_node_port(*parts->port))) return std::nullopt;
  const std::optional<IpAddress> address = IpAddress::from_text(parts->host);
  // Brackets are only for IPv6 (RFC 3986 §3.2.2).
  if (parts->bracketed && parts->host.find(':') == std::string_view::npos) return std::nullopt;
  return address;
}

/// Parses one Forwarded field.
class Elements {
 public:
  explicit Elements(std::string_view text) : text_(text) {}

  /// nullopt: malformed.
  std::optional<Hops> read() {
    Hops hops;
    do {
      skip_blanks();
      if (at_end() || peek() == ',') continue;  // RFC 9110 §5.6.1.2: empty elements are ignored
      if (!element(hops)) return std::nullopt;
    } while (take(','));
    if (!at_end()) return std::nullopt;
    return hops;
  }

 private:
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return text_[at_]; }
  bool take(char c) {
    if (at_end() || peek() != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (!at_end() && (peek() == ' ' || peek() == '\t')) ++at_;
  }
  std::string_view token() {
    const std::size_t begin = at_;
    while (!at_end() && is_token(text_.substr(at_, 1))) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  /// forwarded-pair *( ";" forwarded-pair ), up to the comma (RFC 7239 §4).
  bool element(Hops& hops) {
    std::optional<std::string> named;
    do {
      skip_blanks();
      if (at_end() || peek() == ',' || peek() == ';') continue;
      const std::string_view name = token();
      if (name.empty() || !take('=')) return false;
      std::optional<std::string> given = value();
      if (!given) return false;
      skip_blanks();
      if (!iequals(name, "for")) continue;
      if (named) return false;  // RFC 7239 §4: a parameter occurs once
      named = std::move(given);
    } while (take(';'));
    hops.push_back(named ? node(*named) : std::nullopt);
    return true;
  }

  /// A token or a quoted string (RFC 9110 §5.6.4). An address with a colon must be quoted; unquoted
  /// ones are accepted, because they are unambiguous.
  std::optional<std::string> value() {
    std::string out;
    if (!take('"')) {
      while (!at_end() &&
             (is_token(text_.substr(at_, 1)) || peek() == ':' || peek() == '[' || peek() == ']')) {
        out.push_back(text_[at_++]);
      }
      return out.empty() ? std::nullopt : std::optional(std::move(out));
    }
    while (!at_end()) {
      char c = text_[at_++];
      if (c == '"') return out;
      if (c == '\\') {
        if (at_end()) return std::nullopt;
        c = text_[at_++];
      }
      out.push_back(c);
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

IpAddress last_untrusted(const Hops& hops, IpAddress nearest, const CidrSet& trusted) {
  for (auto hop = hops.rbegin(); hop != hops.rend() && trusted.contains(nearest); ++hop) {
    // Taking the proxy for the client would let the client act as the proxy.
    if (!*hop) return IpAddress::unknown();
    nearest = **hop;
  }
  return nearest;
}

}  // namespace

Hops forwarded_for(std::string_view value) {
  Hops hops;
  for (const std::string_view element : split(value, ',')) {
    const std::string_view text = trim(element);
    if (!text.empty()) hops.push_back(node(text));
  }
  return hops;
}

Hops forwarded(std::string_view value) {
  std::optional<Hops> hops = Elements(value).read();
  return hops ? std::move(*hops) : Hops{std::nullopt};
}

IpAddress client_of(const std::vector<std::pair<std::string, std::string>>& headers,
                    const IpAddress& peer, const CidrSet& trusted) {
  if (!trusted.contains(peer)) return peer;
  Hops by_list, by_rfc;
  for (const auto& [name, value] : headers) {
    const bool list = name == "x-forwarded-for";
    if (!list && name != "forwarded") continue;
    const Hops more = list ? forwarded_for(value) : forwarded(value);
    Hops& all = list ? by_list : by_rfc;
    all.insert(all.end(), more.begin(), more.end());
  }
  const IpAddress client = last_untrusted(by_list.empty() ? by_rfc : by_list, peer, trusted);
  const bool both = !by_list.empty() && !by_rfc.empty();
  if (both && last_untrusted(by_rfc, peer, trusted) != client) return IpAddress::unknown();
  return client;
}

}  // namespace postern::net

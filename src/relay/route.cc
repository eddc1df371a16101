#include "relay/route.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "mail/address.h"
#include "mail/hostname.h"
#include "mail/literal.h"

namespace postern::relay {

namespace {

constexpr std::array<std::string_view, 7> level_names{"none",        "may", "encrypt", "verify",
                                                      "sts-testing", "sts", "dane"};

constexpr std::size_t max_error_text = 400;  ///< a reply line has 512 (RFC 5321 §4.5.3.1.5)

tl::unexpected<Error> malformed(std::string_view what, std::string_view text) {
  return fail(Fault::malformed, fmt::format("{}: {}", what, printable(text, 100)));
}

// `550 5.7.1 not here`
Result<Route> error_route(std::string_view text) {
  Route route{.kind = Route::Kind::error};
  const std::string_view whole = text;
  const auto code = text.size() < 3 ? std::nullopt : parse_number(text.substr(0, 3));
  if (!code || *code < 400 || *code > 599) return malformed("not a 5xx or 4xx reply", whole);
  text = trim(text.substr(3));
  const auto enhanced = smtp::take_enhanced(text);
  if (!enhanced || enhanced->klass != *code / 100)
    return malformed(fmt::format("a reply needs its {}.y.z", *code / 100), whole);
  route.refusal.code = static_cast<std::uint16_t>(*code);
  route.refusal.enhanced = *enhanced;
  text = trim(text);
  if (text.size() > max_error_text || !std::all_of(text.begin(), text.end(), is_printable_ascii))
    return malformed("the text of a reply is one line of printable ASCII, 400 octets at most",
                     whole);
  route.refusal.text = text;
  return route;
}

/// Parses the text in brackets or before a port: an address or a host name.
Result<RouteHost> host_of(std::string_view text, bool bracketed) {
  std::string_view address = text;
  if (bracketed && istarts_with(address, "IPv6:")) address.remove_prefix(5);
  if (bracketed) {
    if (const auto parsed = IpAddress::from_text(address))
      return RouteHost{.name = parsed->to_string(), .address = parsed};
  }
  const Result<mail::Domain> domain = mail::Domain::parse(text);
  if (!bracketed && IpAddress::from_text(text)) {
    return fail(Fault::malformed, fmt::format("an address needs brackets: write [{}]", text));
  }
  // Digits and dots alone are no name, either.
  if (!domain || !mail::is_hostname(domain->text())) return malformed("not a host", text);
  return RouteHost{.name = domain->text(), .address = std::nullopt};
}

Result<RouteHost> parse_host(std::string_view text) {
  std::string_view host = text;
  std::string_view port;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return malformed("no ']' in a next hop", text);
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
  }
  Result<RouteHost> made = host_of(host, bracketed);
  if (!made || port.empty()) return made;
  const auto number = port.front() == ':' ? parse_port(port.substr(1)) : std::nullopt;
  if (!number || *number == 0) return malformed("not a port in a next hop", text);
  made->port = *number;
  return made;
}

std::string to_text(const RouteHost& host) {
  // Always in brackets: a host may be called `mx`.
  std::string text = host.address ? mail::literal_of(*host.address) : "[" + host.name + "]";
  if (host.port != smtp_port) text += fmt::format(":{}", host.port);
  return text;
}

/// The local part in lower case without quotes. RFC 5321 §4.1.2: "ann" and ann are the same local
/// part. Case is ignored.
std::string normal_local_part(std::string_view local_part) {
  if (!local_part.starts_with('"')) return lower(local_part);
  return lower(mail::Mailbox{std::string(local_part), {}}.unquoted_local_part());
}

/// Normalizes a key of the table: `*`, `.parent`, `domain` or `local@domain`; lower case, A-labels.
std::optional<std::string> normal_key(std::string_view key) {
  if (key == "*") return std::string(key);
  const std::size_t at = key.rfind('@');
  const bool address = at != std::string_view::npos;
  const bool parent = key.starts_with('.');
  if (at == 0 || (parent && address)) return std::nullopt;
  const Result<mail::Domain> domain =
      mail::Domain::parse(address ? key.substr(at + 1) : key.substr(parent ? 1 : 0));
  if (!domain) return std::nullopt;
  return (address  ? normal_local_part(key.substr(0, at)) + "@"
          : parent ? std::string(".")
                   : std::string()) +
         domain->text();
}

/// What a sender is looked up by, in the form of normal_sender().
struct SenderKeys {
  std::string address;
  std::string domain;
};

constexpr std::string_view null_sender = "<>";

/// `sender` is as in the envelope. A domain that is malformed matches in its own spelling, or not.
SenderKeys keys_of(std::string_view sender) {
  const std::size_t at = sender.rfind('@');
  if (at == std::string_view::npos) {
    return {sender.empty() ? std::string(null_sender) : normal_local_part(sender) + "@", {}};
  }
  const std::string_view written = sender.substr(at + 1);
  const Result<mail::Domain> parsed = mail::Domain::parse(written);
  std::string domain = parsed ? parsed->text() : lower(written);
  return {normal_local_part(sender.substr(0, at)) + "@" + domain, std::move(domain)};
}

/// `<>`, `local@domain`, or a domain, also written `@domain`.
std::optional<std::string> normal_sender(std::string_view sender) {
  if (sender == null_sender) return std::string(sender);
  if (sender.starts_with('@')) sender.remove_prefix(1);
  if (sender == "*" || sender.starts_with('.') || sender.starts_with('@')) return std::nullopt;
  return normal_key(sender);
}

}  // namespace

std::string_view to_string(TlsLevel level) { return level_names[static_cast<std::size_t>(level)]; }

std::optional<TlsLevel> parse_tls_level(std::string_view text) {
  for (std::size_t i = 0; i <= static_cast<std::size_t>(TlsLevel::verify); ++i) {
    if (level_names[i] == text) return static_cast<TlsLevel>(i);
  }
  return std::nullopt;
}

Result<Route> parse_route(const std::vector<std::string>& to) {
  if (to.empty()) return fail(Fault::malformed, "a route without next hops");
  if (to.size() == 1) {
    const std::string_view text = to.front();
    if (text == "mx") return Route{};
    if (text == "discard") return Route{.kind = Route::Kind::discard};
    if (text.starts_with("maildir:")) {
      const std::string_view path = text.substr(8);
      if (!path.starts_with('/') || path.find('\0') != std::string_view::npos) {
        return fail(Fault::malformed, "`maildir:` needs an absolute path");
      }
      return Route{.kind = Route::Kind::maildir, .path = std::string(path)};
    }
    if (text.starts_with("error:")) return error_route(text.substr(6));
    if (text.starts_with("mx:")) {
      Result<mail::Domain> domain = mail::Domain::parse(text.substr(3));
      if (!domain) return malformed("not a domain", text.substr(3));
      return Route{.mx_domain = domain->text()};
    }
  }
  auto hosts = parse_hosts(to);
  if (!hosts) return tl::unexpected(std::move(hosts.error()));
  return Route{.kind = Route::Kind::hosts, .hosts = std::move(*hosts)};
}

Result<std::vector<std::vector<RouteHost>>> parse_hosts(const std::vector<std::string>& texts) {
  std::vector<std::vector<RouteHost>> groups;
  for (const std::string& text : texts) {
    std::vector<RouteHost>& hosts = groups.emplace_back();
    for (const std::string_view piece : split(text, '|')) {
      Result<RouteHost> host = parse_host(trim(piece));
      if (!host) return tl::unexpected(std::move(host.error()));
      hosts.push_back(std::move(*host));
    }
  }
  return groups;
}

std::vector<std::string> to_texts(const Route& route) {
  if (route.kind == Route::Kind::discard) return {"discard"};
  if (route.kind == Route::Kind::maildir) return {"maildir:" + route.path};
  if (route.kind == Route::Kind::mx)
    return {route.mx_domain.empty() ? std::string("mx") : "mx:" + route.mx_domain};
  if (route.kind == Route::Kind::error) {
    return {fmt::format("error:{} {} {}", route.refusal.code, route.refusal.enhanced.to_string(),
                        route.refusal.text)};
  }
  std::vector<std::string> texts;
  for (const auto& group : route.hosts) {
    std::string& text = texts.emplace_back();
    for (const RouteHost& host : group) text += (text.empty() ? "" : "|") + to_text(host);
  }
  return texts;
}

Result<void> RouteTable::add(std::string_view key, Route route) {
  const std::optional<std::string> normal = normal_key(key);
  if (!normal) return malformed("not an address, a domain, .parent or *", key);
  Entry& entry = routes_[*normal];
  if (entry.for_all) {
    return fail(Fault::conflict, fmt::format("two routes for {}", printable(key, 100)));
  }
  entry.for_all = std::move(route);
  return {};
}

Result<void> RouteTable::add(std::string_view key, std::string_view sender, Route route) {
  const std::optional<std::string> normal = normal_key(key);
  if (!normal) return malformed("not an address, a domain, .parent or *", key);
  const std::optional<std::string> from = normal_sender(sender);
  if (!from) return malformed("not an address, a domain or <>", sender);
  Entry& entry = routes_[*normal];
  const auto [place, fresh] = entry.by_sender.try_emplace(*from);
  if (!fresh) {
    return fail(Fault::conflict, fmt::format("two routes for {} from {}", printable(key, 100),
                                             printable(sender, 100)));
  }
  place->second = std::move(route);
  const bool known = std::ranges::any_of(entry.one_for_each_settings, [&](const std::string& one) {
    return entry.by_sender.at(one).settings == place->second.settings;
  });
  if (!known) entry.one_for_each_settings.push_back(*from);
  return {};
}

/// Calls `use` with the entries of a recipient, the nearest first, until it returns true.
template <class Use>
void RouteTable::visit(std::string_view local_part, std::string_view domain, const Use& use) const {
  const auto ends = [&](const std::string& key) {
    const auto found = routes_.find(key);
    return found != routes_.end() && use(found->second);
  };
  if (routes_.empty()) return;
  std::string key = normal_local_part(local_part) + "@";
  key += domain;
  if (ends(key) || ends(std::string(domain))) return;
  for (std::size_t dot = domain.find('.'); dot != std::string_view::npos;
       dot = domain.find('.', dot + 1)) {
    if (ends(std::string(domain.substr(dot)))) return;
  }
  ends("*");
}

const Route& RouteTable::find(std::string_view local_part, std::string_view domain,
                              std::string_view sender) const {
  static const Route plain;
  const Route* found = &plain;
  std::optional<SenderKeys> keys;
  visit(local_part, domain, [&](const Entry& entry) {
    const Route* mine = entry.for_all ? &*entry.for_all : nullptr;
    if (!entry.by_sender.empty()) {
      if (!keys) keys = keys_of(sender);
      auto of = entry.by_sender.find(keys->address);
      if (of == entry.by_sender.end()) of = entry.by_sender.find(keys->domain);
      if (of != entry.by_sender.end()) mine = &of->second;
    }
    if (mine != nullptr) found = mine;
    return mine != nullptr;
  });
  return *found;
}

std::vector<const Route*> RouteTable::all_of(std::string_view domain) const {
  std::vector<const Route*> all;
  visit({}, domain, [&](const Entry& entry) {
    for (const std::string& one : entry.one_for_each_settings)
      all.push_back(&entry.by_sender.at(one));
    if (entry.for_all) all.push_back(&*entry.for_all);
    return entry.for_all.has_value();
  });
  return all;
}

}  // namespace postern::relay

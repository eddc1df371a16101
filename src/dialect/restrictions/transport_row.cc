#include "dialect/restrictions/transport_row.h"

#include <fmt/format.h>

#include "base/ip.h"
#include "base/text.h"

namespace postern::dialect::restrictions {

namespace {

std::optional<std::string> port_of(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> services[] = {
      {"smtp", "25"}, {"submission", "587"}};
  for (const auto& [name, number] : services) {
    if (iequals(text, name)) return std::string(number);
  }
  const auto number = parse_number(text);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return std::string(text);
}

std::string row_reply(std::string_view text, std::string_view code, char klass,
                      std::string_view otherwise) {
  const std::string_view status = text.substr(0, text.find(' '));
  const auto parts = split(status, '.');
  // As error(8) and retry(8), which give a status the class of their replies.
  const bool has_status = parts.size() == 3 &&
                          (parts[0] == "2" || parts[0] == "4" || parts[0] == "5") &&
                          parse_number(parts[1]) && parse_number(parts[2]);
  const std::string_view words = has_status ? trim(text.substr(status.size())) : trim(text);
  return fmt::format("error:{} {} {}", code,
                     fmt::format("{}{}", klass, has_status ? status.substr(1) : ".0.0"),
                     words.empty() ? std::string(otherwise) : printable(words, 200));
}

}  // namespace

NextHop next_hop_of(std::string_view written) {
  NextHop out{.text = std::string(written), .to = {}, .host = {}, .trouble = {}};
  std::string_view host = written;
  std::string_view port;
  const bool bracketed = host.starts_with('[');
  if (bracketed) {
    const std::size_t end = host.find(']');
    if (end == std::string_view::npos) {
      out.trouble = fmt::format("`{}` is not a next hop", printable(written, 80));
      return out;
    }
    port = host.substr(end + 1);
    host = host.substr(1, end - 1);
    if (istarts_with(host, "ipv6:")) host.remove_prefix(5);
  } else if (const std::size_t colon = host.rfind(':'); colon != std::string_view::npos) {
    port = host.substr(colon);
    host = host.substr(0, colon);
  }
  if (port.starts_with(':')) port.remove_prefix(1);
  std::string number;
  if (!port.empty()) {
    const auto known = port_of(port);
    if (!known) {
      out.trouble = fmt::format("the port `{}` is not known here", printable(port, 40));
      return out;
    }
    if (*known == "465") {
      out.trouble = "TLS from the first octet (port 465) is not supported; use port 587";
      return out;
    }
    if (*known != "25") number = ":" + *known;
  }
  if (IpAddress::parse(host)) {
    out.host = fmt::format("[{}]", host);
    out.to = out.host + number;
    return out;
  }
  if (host.empty()) {
    out.trouble = "a next hop without a name";
    return out;
  }
  if (host.find_first_of(" \t:|,") != std::string_view::npos) {
    out.trouble = fmt::format("`{}` is not a next hop", printable(written, 80));
    return out;
  }
  if (!bracketed && number.empty()) {
    out.to = fmt::format("mx:{}", host);
    return out;
  }
  out.host = std::string(host);
  // A host of one label could be read as a keyword of routes, such as `mx`.
  const bool is_word = host.find('.') == std::string_view::npos;
  out.to = (is_word ? fmt::format("[{}]", host) : out.host) + number;
  if (!bracketed)
    out.trouble = fmt::format("mail goes to {} itself, not to its MX hosts", out.host);
  return out;
}

NextHops next_hops_of(const std::vector<std::string_view>& texts) {
  NextHops out;
  for (const std::string_view text : texts) {
    NextHop hop = next_hop_of(text);
    if (!hop.trouble.empty()) out.trouble = std::move(hop.trouble);
    if (hop.to.empty()) continue;
    out.to.push_back(std::move(hop.to));
    out.written.push_back(std::move(hop.text));
  }
  if (out.to.size() < 2) return out;
  for (std::string& to : out.to) {
    if (!to.starts_with("mx:")) continue;
    to.erase(0, 3);
    out.trouble = "one of several next hops is used directly, not its MX hosts";
  }
  return out;
}

NextHops next_hops_in(std::string_view value) {
  std::vector<std::string_view> texts;
  for (const std::string_view word : split(value, ',')) texts.push_back(trim(word));
  return next_hops_of(texts);
}

Transport transport_of(std::string_view value) {
  const std::size_t colon = value.find(':');
  return {lower(value.substr(0, colon)),
          colon == std::string_view::npos ? std::string_view() : value.substr(colon + 1)};
}

std::string error_of(std::string_view text) {
  return row_reply(text, "550", '5', "mail for this address is not accepted");
}

std::string retry_of(std::string_view text) {
  return row_reply(text, "450", '4', "mail for this address waits");
}

Result<std::optional<std::vector<std::string>>> route_in_row(std::string_view value) {
  const auto [transport, rest] = transport_of(trim(value));
  const auto one = [](std::string word) {
    return std::optional(std::vector<std::string>{std::move(word)});
  };
  if (transport == "discard") return one("discard");
  if (transport == "error") return one(error_of(rest));
  if (transport == "retry") return one(retry_of(rest));
  if (!transport.empty() && transport != "smtp" && transport != "relay") {
    return fail(Fault::denied, fmt::format("the transport {} is not SMTP: `{}`",
                                           printable(transport, 40), printable(value, 100)));
  }
  const std::string_view hop = trim(rest);
  if (hop.empty() && transport.empty()) return std::optional<std::vector<std::string>>();
  if (hop.empty()) return one("mx");
  NextHops hops = next_hops_in(hop);
  if (hops.to.empty()) {
    return fail(Fault::malformed, hops.trouble.empty() ? "a row without a next hop" : hops.trouble);
  }
  return std::optional(std::move(hops.to));
}

}  // namespace postern::dialect::restrictions

#include "setup/answers.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/url/parse.hpp>

#include "base/host_port.h"
#include "base/text.h"
#include "mail/address.h"
#include "mailauth/names.h"

namespace postern::setup {

namespace {

constexpr std::size_t longest_shown = 64;
constexpr std::size_t longest_url = 2048;

tl::unexpected<Error> refuse(std::string_view text, std::string_view what) {
  return fail(Fault::malformed,
              fmt::format("`{}` is not {}", printable(text, longest_shown), what));
}

}  // namespace

Result<std::string> read_domain(std::string_view text) {
  const auto name = mailauth::normalize_domain(trim(text));
  const bool good = name && name->find('.') != std::string::npos &&
                    name->find('_') == std::string::npos && !IpAddress::parse(*name);
  if (!good) return refuse(text, "a domain name such as mx.example.org");
  return *name;
}

Result<std::string> read_email(std::string_view text) {
  const auto mailbox = mail::parse_mailbox(trim(text), mail::Utf8::refused);
  // The address is printed in DNS records and in lines for a shell: atoms only.
  const bool plain =
      mailbox && !mailbox->local_part.empty() &&
      std::ranges::all_of(mailbox->local_part, [](char c) {
        return is_alnum(c) || std::string_view(".-_+").find(c) != std::string_view::npos;
      });
  if (!plain) return refuse(text, "a mail address such as postmaster@example.org");
  const auto domain = read_domain(mailbox->domain);
  if (!domain) return refuse(text, "a mail address such as postmaster@example.org");
  return mailbox->local_part + "@" + *domain;
}

Result<std::string> read_relay(std::string_view text) {
  const std::string_view wanted = trim(text);
  if (const auto address = IpAddress::parse(wanted)) {
    return fmt::format("[{}]", address->to_string());
  }
  std::string_view name = wanted;
  std::string port;
  if (const auto with_port = parse_name_and_port(wanted)) {
    name = with_port->name;
    port = fmt::format(":{}", with_port->port);
  } else if (const auto endpoint = parse_address_and_port(wanted);
             endpoint && endpoint->port != 0) {
    return fmt::format("[{}]:{}", endpoint->address.to_string(), endpoint->port);
  } else if (wanted.starts_with('[') && wanted.ends_with(']')) {
    const auto address = IpAddress::parse(wanted.substr(1, wanted.size() - 2));
    if (address) return fmt::format("[{}]", address->to_string());
  }
  const auto host = read_domain(name);
  if (!host) return refuse(text, "a host such as mail.example.net or 192.0.2.7");
  return *host + port;
}

Result<std::string> read_webhook(std::string_view text) {
  const std::string_view wanted = trim(text);
  const auto url = boost::urls::parse_uri(wanted);
  const bool good = url && url->scheme() == "https" && !url->has_userinfo() &&
                    !url->has_fragment() && !url->host().empty() && wanted.size() <= longest_url &&
                    wanted.find('\'') == wanted.npos;
  if (!good) return refuse(text, "an https URL such as https://app.example.org/mail");
  return std::string(wanted);
}

std::string shown_webhook(std::string_view url) {
  constexpr std::string_view scheme = "https://";
  const std::string_view rest = url.substr(std::min(url.find("://"), url.size()));
  const std::string_view host = rest.substr(std::min<std::size_t>(3, rest.size()));
  const std::size_t end = std::min(host.find_first_of("/?#"), host.size());
  const std::string_view more = host.substr(end);
  return fmt::format("{}{}{}", scheme, host.substr(0, end),
                     more.empty() || more == "/" ? more : "/…");
}

Result<std::string> read_network(std::string_view text) {
  const std::string_view wanted = trim(text);
  if (const auto address = IpAddress::parse(wanted)) {
    return fmt::format("{}/{}", address->to_string(), address->is_v4() ? 32 : 128);
  }
  const auto network = Cidr::parse(wanted);
  if (!network) return refuse(text, "a network such as 192.0.2.1/32");
  // A proxy says of each client where it comes from, so no stranger may be taken for one. Unique
  // local addresses (RFC 4193 §3.1) are the one large network without strangers.
  const bool v4 = network->network().is_v4();
  const bool local = Cidr::parse("fc00::/7")->contains(*network);
  if (network->prefix() < (v4 ? 8 : 16) && !local) {
    return fail(Fault::malformed,
                fmt::format("`{}` is a large part of all addresses: clients there could claim any "
                            "address; name those of the proxy",
                            printable(text, longest_shown)));
  }
  return network->to_string();
}

Result<std::string> read_path(std::string_view text) {
  const bool good =
      text.starts_with('/') && std::ranges::all_of(text, [](char c) {
        return is_alnum(c) || std::string_view("/._-+@:").find(c) != std::string_view::npos;
      });
  if (!good) {
    return refuse(text, "an absolute path of letters, digits and the characters / . _ - + @ :");
  }
  return std::string(text);
}

std::string default_email(const Answers& answers) {
  if (answers.destination != Destination::relay || answers.domains.empty()) return "";
  return "postmaster@" + answers.domains.front();
}

bool sends_mail(const Answers& answers) {
  return answers.destination == Destination::relay || answers.submission;
}

}  // namespace postern::setup

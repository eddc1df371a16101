#include "smtp/command.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/core.h>

#include "base/text.h"
#include "smtp/xtext.h"

namespace postern::smtp {
namespace {

struct VerbName {
  std::string_view name;
  Verb verb;
};

constexpr std::array<VerbName, 25> verbs{{
    {"MAIL", Verb::mail},       {"RCPT", Verb::rcpt},       {"EHLO", Verb::ehlo},
    {"DATA", Verb::data},       {"QUIT", Verb::quit},       {"BDAT", Verb::bdat},
    {"RSET", Verb::rset},       {"NOOP", Verb::noop},       {"STARTTLS", Verb::starttls},
    {"AUTH", Verb::auth},       {"HELO", Verb::helo},       {"XCLIENT", Verb::xclient},
    {"VRFY", Verb::vrfy},       {"EXPN", Verb::expn},       {"HELP", Verb::help},
    {"ETRN", Verb::etrn},       {"TURN", Verb::turn},       {"GET", Verb::foreign},
    {"POST", Verb::foreign},    {"PUT", Verb::foreign},     {"HEAD", Verb::foreign},
    {"OPTIONS", Verb::foreign}, {"CONNECT", Verb::foreign}, {"DELETE", Verb::foreign},
    {"PATCH", Verb::foreign},
}};

constexpr std::size_t max_envid = 100;  // RFC 3461 §4.4
constexpr std::size_t max_orcpt = 500;  // RFC 3461 §4.2
constexpr std::size_t max_notify = 28;  // RFC 3461 §4.1

Reply syntax(EnhancedCode enhanced, std::string text) { return {501, enhanced, std::move(text)}; }

/// The argument after `keyword` ("FROM:"). Blanks after the colon violate RFC 5321 §3.3, but are
/// common and harmless.
std::optional<std::string_view> behind(std::string_view argument, std::string_view keyword) {
  if (!istarts_with(argument, keyword)) return std::nullopt;
  argument.remove_prefix(keyword.size());
  argument.remove_prefix(std::min(argument.find_first_not_of(' '), argument.size()));
  return argument;
}

/// `detail` is 7 for the sender and 3 for a recipient (RFC 3463 §3.2).
Reply bad_path(const Error& error, std::uint16_t detail) {
  if (error.fault == Fault::denied) {
    return {550, {5, 6, 7}, "non-ASCII address needs SMTPUTF8"};  // RFC 6531 §3.5
  }
  return syntax({5, 1, detail}, error.message);
}

/// The path at the start of `text`, as the session reads paths.
Result<mail::Path> read_path(std::string_view text, mail::Utf8 utf8, const Offered& offered) {
  Result<mail::Path> path = offered.postfix ? mail::parse_postfix_path(text, utf8, *offered.postfix)
                                            : mail::parse_path(text, utf8);
  if (path && path->mailbox && path->mailbox->local_part.size() > offered.local_part) {
    return fail(Fault::limit,
                fmt::format("local part is longer than {} octets", offered.local_part));
  }
  return path;
}

struct ParameterView {
  std::string_view keyword;
  std::optional<std::string_view> value;
};

/// RFC 5321 §4.1.2 esmtp-param; values may contain UTF-8 (RFC 6531 §3.3).
std::optional<ParameterView> parse_parameter(std::string_view text) {
  const std::size_t equals = std::min(text.find('='), text.size());
  ParameterView parameter{.keyword = text.substr(0, equals)};
  if (parameter.keyword.empty() || !is_alnum(parameter.keyword[0])) return std::nullopt;
  for (const char c : parameter.keyword) {
    if (!is_alnum(c) && c != '-') return std::nullopt;
  }
  if (equals == text.size()) return parameter;
  parameter.value = text.substr(equals + 1);
  for (const char c : *parameter.value) {
    const bool high = static_cast<unsigned char>(c) >= 0x80;
    if (!high && (!is_printable_ascii(c) || c == '=' || c == ' ')) return std::nullopt;
  }
  if (parameter.value->empty()) return std::nullopt;
  return parameter;
}

/// SIZE= (RFC 1870 §3): 1 to 20 digits. A number that overflows is treated as a message too large.
std::optional<Reply> take_size(std::optional<std::string_view> value, const Offered& offered,
                               Mail& mail) {
  const bool digits =
      value && value->size() <= 20 && std::all_of(value->begin(), value->end(), is_digit);
  if (!digits) return syntax({5, 5, 4}, "SIZE is no number");
  const std::optional<std::uint64_t> size = parse_number(*value);
  if (!size || *size > offered.message_size) {
    return Reply{
        552, {5, 3, 4}, fmt::format("message size exceeds {} octets", offered.message_size)};
  }
  mail.size = size;
  return std::nullopt;
}

std::optional<Reply> unknown_parameter(std::string_view text) {
  return Reply{555, {5, 5, 4}, fmt::format("parameter not supported: {}", echo(text))};
}

Reply bad_parameter(std::string_view keyword) {
  return syntax({5, 5, 4}, fmt::format("bad value of {}", keyword));
}

/// RFC 3461 §4.3.
std::optional<Reply> take_ret(std::optional<std::string_view> value, Mail& mail) {
  const bool fit = value && (iequals(*value, "FULL") || iequals(*value, "HDRS"));
  if (!fit) return bad_parameter("RET");
  mail.ret = *value;
  return std::nullopt;
}

/// RFC 3461 §4.4: xtext of printable characters.
std::optional<Reply> take_envid(std::optional<std::string_view> value, Mail& mail) {
  if (!value || value->size() > max_envid) return bad_parameter("ENVID");
  const auto decoded = decode_xtext(*value);
  const bool fit = decoded && std::all_of(decoded->begin(), decoded->end(), is_printable_ascii);
  if (!fit) return bad_parameter("ENVID");
  mail.envid = *value;
  return std::nullopt;
}

/// RFC 3461 §4.1: NEVER, or a list of the others.
std::optional<Reply> take_notify(std::optional<std::string_view> value, Rcpt& rcpt) {
  if (!value) return bad_parameter("NOTIFY");
  bool fit = iequals(*value, "NEVER");
  if (!fit) {
    const auto words = split(*value, ',');
    fit = std::all_of(words.begin(), words.end(), [](std::string_view word) {
      return iequals(word, "SUCCESS") || iequals(word, "FAILURE") || iequals(word, "DELAY");
    });
  }
  if (!fit || value->size() > max_notify) return bad_parameter("NOTIFY");
  rcpt.notify = *value;
  return std::nullopt;
}

/// RFC 3461 §4.2: an address type and an xtext of printable characters. With SMTPUTF8, a utf-8
/// address may contain UTF-8 unencoded (RFC 6533 §3).
std::optional<Reply> take_orcpt(std::optional<std::string_view> value, mail::Utf8 utf8,
                                Rcpt& rcpt) {
  const std::size_t semicolon = value ? value->find(';') : std::string_view::npos;
  if (semicolon == std::string_view::npos || semicolon == 0 || value->size() > max_orcpt) {
    return bad_parameter("ORCPT");
  }
  const std::string_view type = value->substr(0, semicolon);
  const std::string_view address = value->substr(semicolon + 1);
  bool fit = !address.empty() &&
             std::all_of(type.begin(), type.end(), [](char c) { return is_alnum(c) || c == '-'; });
  if (is_ascii(address)) {
    const auto decoded = decode_xtext(address);
    fit = fit && decoded && std::all_of(decoded->begin(), decoded->end(), is_printable_ascii);
  } else {
    fit = fit && utf8 == mail::Utf8::allowed && iequals(type, "utf-8") && is_utf8(address);
  }
  if (!fit) return bad_parameter("ORCPT");
  rcpt.orcpt = *value;
  return std::nullopt;
}

/// RFC 8689 §2: only inside TLS. Otherwise 530, as for commands that require STARTTLS first
/// (RFC 3207 §4), with a more specific enhanced code.
std::optional<Reply> take_requiretls(std::optional<std::string_view> value, const Offered& offered,
                                     Mail& mail) {
  if (!offered.tls) return Reply{530, {5, 7, 10}, "REQUIRETLS needs TLS, use STARTTLS first"};
  if (value) return bad_parameter("REQUIRETLS");
  mail.requiretls = true;
  return std::nullopt;
}

/// RFC 4954 §5: AUTH= names the original submitter. It is ignored, as if it were `<>`: no client is
/// trusted with it.
std::optional<Reply> take_auth(std::string_view value) {
  if (!decode_xtext(value)) return bad_parameter("AUTH");
  return std::nullopt;
}

std::optional<Reply> take_parameter(std::string_view text, const ParameterView& parameter,
                                    const Offered& offered, Mail& mail) {
  const auto& [keyword, value] = parameter;
  if (iequals(keyword, "SIZE")) return take_size(value, offered, mail);
  if (iequals(keyword, "BODY") && value) {
    // RFC 6152 §3; BINARYMIME (RFC 3030 §3) is not offered.
    const bool eight = iequals(*value, "8BITMIME");
    if (!eight && !iequals(*value, "7BIT")) return unknown_parameter(text);
    mail.body_8bitmime = eight;
    return std::nullopt;
  }
  if (iequals(keyword, "SMTPUTF8") && !value) {  // RFC 6531 §3.4
    mail.smtputf8 = true;
    return std::nullopt;
  }
  if (offered.dsn && iequals(keyword, "RET")) return take_ret(value, mail);
  if (offered.dsn && iequals(keyword, "ENVID")) return take_envid(value, mail);
  if (offered.requiretls && iequals(keyword, "REQUIRETLS")) {
    return take_requiretls(value, offered, mail);
  }
  if (offered.auth && iequals(keyword, "AUTH") && value) return take_auth(*value);
  return unknown_parameter(text);
}

std::optional<Reply> take_parameter(std::string_view text, const ParameterView& parameter,
                                    const Offered& offered, mail::Utf8 utf8, Rcpt& rcpt) {
  const auto& [keyword, value] = parameter;
  if (offered.dsn && iequals(keyword, "NOTIFY")) return take_notify(value, rcpt);
  if (offered.dsn && iequals(keyword, "ORCPT")) return take_orcpt(value, utf8, rcpt);
  return unknown_parameter(text);
}

/// Passes each parameter behind a path to `take`, with its text, until one is refused. After HELO
/// there are none (RFC 5321 §4.1.1.11). One that is given twice has no meaning: the grammar of its
/// extension has it once.
template <class Take>
std::optional<Reply> take_parameters(std::string_view parameters, const Offered& offered,
                                     const Take& take) {
  std::vector<std::string_view> seen;
  for (const std::string_view text : split(parameters, ' ')) {
    if (text.empty()) continue;
    const std::optional<ParameterView> parameter = parse_parameter(text);
    if (!parameter) return syntax({5, 5, 4}, "malformed parameter");
    if (!offered.extended) return unknown_parameter(text);
    if (auto refusal = take(text, *parameter)) return refusal;
    // Only known keywords come here, so that there are few.
    for (const std::string_view one : seen) {
      if (iequals(one, parameter->keyword)) {
        return syntax({5, 5, 4}, fmt::format("{} is given twice", upper(one)));
      }
    }
    seen.push_back(parameter->keyword);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Verb verb) {
  if (verb == Verb::unknown || verb == Verb::foreign) return {};
  return std::find_if(verbs.begin(), verbs.end(),
                      [&](const VerbName& one) { return one.verb == verb; })
      ->name;
}

CommandView parse_command(std::string_view line) {
  CommandView command;
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view word = line.substr(0, end);
  command.argument = trim(line.substr(end));
  for (const VerbName& known : verbs) {
    if (iequals(word, known.name)) {
      command.verb = known.verb;
      return command;
    }
  }
  if (istarts_with(word, "HOST:")) command.verb = Verb::foreign;
  return command;
}

Parsed<Mail> parse_mail(std::string_view argument, const Offered& offered) {
  const auto rest = behind(argument, "FROM:");
  if (!rest || rest->empty()) {
    return tl::unexpected(syntax({5, 5, 4}, "syntax: MAIL FROM:<address>"));
  }
  Result<mail::Path> path = read_path(*rest, mail::Utf8::allowed, offered);
  if (!path) return tl::unexpected(bad_path(path.error(), 7));
  if (path->postmaster) return tl::unexpected(syntax({5, 1, 7}, "sender has no domain"));

  std::string_view parameters = rest->substr(path->length);
  if (!parameters.empty() && parameters[0] != ' ') {
    return tl::unexpected(syntax({5, 1, 7}, "text behind the path"));
  }
  Mail mail;
  auto refusal = take_parameters(parameters, offered, [&](std::string_view text, const auto& one) {
    return take_parameter(text, one, offered, mail);
  });
  if (refusal) return tl::unexpected(std::move(*refusal));
  if (!mail.smtputf8 && !is_ascii(argument)) {
    return tl::unexpected(bad_path({Fault::denied, {}}, 7));
  }
  mail.reverse_path = std::move(path->mailbox);
  return mail;
}

Parsed<Rcpt> parse_rcpt(std::string_view argument, mail::Utf8 utf8, std::string_view hostname,
                        const Offered& offered) {
  const auto rest = behind(argument, "TO:");
  if (!rest || rest->empty()) {
    return tl::unexpected(syntax({5, 5, 4}, "syntax: RCPT TO:<address>"));
  }
  Result<mail::Path> path = read_path(*rest, utf8, offered);
  if (!path) return tl::unexpected(bad_path(path.error(), 3));
  const std::string_view parameters = rest->substr(path->length);
  if (!parameters.empty() && parameters[0] != ' ') {
    return tl::unexpected(syntax({5, 1, 3}, "text behind the path"));
  }
  Rcpt rcpt;
  auto refusal = take_parameters(parameters, offered, [&](std::string_view text, const auto& one) {
    return take_parameter(text, one, offered, utf8, rcpt);
  });
  if (refusal) return tl::unexpected(std::move(*refusal));
  if (path->postmaster) path->mailbox = mail::Mailbox{"postmaster", std::string(hostname)};
  if (!path->mailbox) return tl::unexpected(syntax({5, 1, 3}, "recipient is empty"));
  rcpt.forward_path = std::move(*path->mailbox);
  return rcpt;
}

Parsed<mail::Mailbox> parse_vrfy(std::string_view argument, const Offered& offered) {
  static constexpr std::string_view keyword = "SMTPUTF8";
  mail::Utf8 utf8 = mail::Utf8::refused;
  const std::size_t last = argument.find_last_of(" \t") + 1;
  if (iequals(argument.substr(last), keyword)) {
    utf8 = mail::Utf8::allowed;
    argument = trim(argument.substr(0, last));
  }
  if (argument.empty()) return tl::unexpected(syntax({5, 5, 4}, "syntax: VRFY address"));
  const std::string text =
      argument.starts_with('<') ? std::string(argument) : fmt::format("<{}>", argument);
  Result<mail::Path> path = read_path(text, utf8, offered);
  if (!path) return tl::unexpected(bad_path(path.error(), 3));
  if (path->length != text.size()) return tl::unexpected(syntax({5, 1, 3}, "text behind the path"));
  if (path->postmaster) return mail::Mailbox{"postmaster", {}};
  if (!path->mailbox) return tl::unexpected(syntax({5, 1, 3}, "address is empty"));
  return std::move(*path->mailbox);
}

std::optional<BdatArguments> parse_bdat(std::string_view argument) {
  const std::size_t end = std::min(argument.find(' '), argument.size());
  const std::string_view digits = argument.substr(0, end);
  const std::string_view rest = trim(argument.substr(end));
  if (digits.size() > 20 || (!rest.empty() && !iequals(rest, "LAST"))) return std::nullopt;
  const std::optional<std::uint64_t> size = parse_number(digits);
  if (!size) return std::nullopt;
  return BdatArguments{*size, !rest.empty()};
}

bool fit_helo_name(std::string_view name) {
  if (name.empty() || name.size() > 255) return false;
  if ((name.front() == '[') != (name.back() == ']')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return is_alnum(c) || std::string_view("-._:[]").find(c) != std::string_view::npos;
  });
}

}  // namespace postern::smtp

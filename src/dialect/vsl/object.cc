#include "dialect/vsl/object.h"

#include <algorithm>
#include <array>

#include <re2/re2.h>

#include "base/text.h"
#include "dialect/vsl/object_list.h"

namespace postern::dialect::vsl {

using namespace objects;

namespace {

std::string in_backquotes(std::string_view text) { return "`" + printable(text, 100) + "`"; }

RE2::Options regex_options() {
  RE2::Options options;
  options.set_log_errors(false);
  return options;
}

/// Uses RE2, whose time is linear in the text for every pattern.
struct Pattern final : Plain {
  explicit Pattern(std::string text)
      : Plain(Type::regex, std::move(text)), expression(text_, regex_options()) {}
  RE2 expression;
};

Result<ObjectPtr> make_ip(Type type, std::string_view text) {
  const auto address = IpAddress::from_text(text);
  const bool v6 = text.find(':') != std::string_view::npos;
  if (!address || v6 != (type == Type::ip6)) {
    return malformed(in_backquotes(text) + " is no IPv" + (type == Type::ip6 ? "6" : "4") +
                     " address");
  }
  return std::make_shared<Plain>(type, address->to_string(), Cidr(*address, address->bits()));
}

Result<ObjectPtr> make_range(Type type, std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto address = IpAddress::from_text(text.substr(0, slash));
  const bool v6 = text.find(':') != std::string_view::npos;
  const std::uint64_t most = v6 ? 128 : 32;
  const auto prefix =
      slash == text.size() ? std::optional(most) : parse_number(text.substr(slash + 1));
  // ::ffff:a.b.c.d/n is a.b.c.d/(n-96).
  const std::uint64_t mapped = v6 && address && address->is_v4() ? 96 : 0;
  if (!address || v6 != (type == Type::rg6) || !prefix || *prefix > most || *prefix < mapped) {
    return malformed(in_backquotes(text) + " is no IPv" + (type == Type::rg6 ? "6" : "4") +
                     " range such as " + (type == Type::rg6 ? "2001:db8::/32" : "192.0.2.0/24"));
  }
  const Cidr network(*address, static_cast<int>(*prefix - mapped));
  return std::make_shared<Plain>(type, network.to_string(), network);
}

Result<ObjectPtr> make_regex(std::string_view text) {
  auto pattern = std::make_shared<Pattern>(std::string(text));
  if (!pattern->expression.ok()) {
    return malformed(in_backquotes(text) +
                     " is no regular expression: " + pattern->expression.error());
  }
  return pattern;
}

constexpr std::array<std::pair<std::string_view, Type>, 16> type_words = {{
    {"ip4", Type::ip4},
    {"ip6", Type::ip6},
    {"rg4", Type::rg4},
    {"rg6", Type::rg6},
    {"address", Type::address},
    {"fqdn", Type::fqdn},
    {"identifier", Type::identifier},
    {"string", Type::string},
    {"regex", Type::regex},
    {"file", Type::file},
    {"group", Type::group},
    {"code", Type::code},
    {"addr", Type::address},
    {"ident", Type::identifier},
    {"str", Type::string},
    {"val", Type::string},
}};

}  // namespace

Object::~Object() = default;

Result<ObjectPtr> Object::make(Type type, std::string_view text) {
  switch (type) {
    case Type::ip4:
    case Type::ip6:
      return make_ip(type, text);
    case Type::rg4:
    case Type::rg6:
      return make_range(type, text);
    case Type::address: {
      auto mailbox = mail::parse_mailbox(text, mail::Utf8::allowed);
      if (!mailbox) {
        return malformed(in_backquotes(text) + " is no address: " + mailbox.error().message);
      }
      return std::make_shared<Plain>(std::string(text), std::move(*mailbox));
    }
    case Type::fqdn: {
      const auto domain = mail::Domain::parse(text);
      if (!domain) {
        return malformed(in_backquotes(text) + " is no domain name: " + domain.error().message);
      }
      return std::make_shared<Plain>(type, std::string(text));
    }
    case Type::identifier:
    case Type::string:
      return std::make_shared<Plain>(type, std::string(text));
    case Type::regex:
      return make_regex(text);
    case Type::code: {
      Result<smtp::Reply> reply = parse_code(text);
      if (!reply) return tl::unexpected(std::move(reply.error()));
      return code(std::move(*reply));
    }
    case Type::file:
    case Type::group:
      break;
  }
  return malformed("a " + std::string(vsl::to_string(type)) + " is not made of one text");
}

ObjectPtr Object::list(Type type, std::vector<ObjectPtr> members) {
  return std::make_shared<List>(type, std::move(members));
}

ObjectPtr Object::code(smtp::Reply reply) { return std::make_shared<Plain>(std::move(reply)); }

ObjectPtr Object::address(const std::optional<mail::Mailbox>& mailbox) {
  return std::make_shared<Plain>(mailbox ? mailbox->text() : std::string(), mailbox);
}

Result<smtp::Reply> Object::parse_code(std::string_view text) {
  const auto wrong = [&](const char* why) {
    return malformed(in_backquotes(text) + " is no reply code such as `550 5.7.1 text`: " + why);
  };
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return wrong("it must be one line");
  }
  const std::size_t blank = std::min(text.find(' '), text.size());
  const auto number = blank == 3 ? parse_number(text.substr(0, blank)) : std::nullopt;
  if (!number || *number < 200 || *number > 599) return wrong("no code from 200 to 599 in front");
  std::string_view rest = trim(text.substr(blank));
  const auto enhanced = smtp::take_enhanced(rest);
  return smtp::Reply{.code = static_cast<std::uint16_t>(*number),
                     .enhanced = enhanced.value_or(smtp::EnhancedCode{}),
                     .text = std::string(rest)};
}

bool Object::matches(std::string_view text) const {
  return RE2::PartialMatch({text.data(), text.size()},
                           static_cast<const Pattern&>(*this).expression);
}

std::optional<bool> Object::equals(std::string_view text, std::string& why) const {
  if (is_ip(type_)) return IpAddress::from_text(text) == std::optional(network_->network());
  if (is_name(type_)) return same_name(type_, text_, text);
  if (type_ == Type::string) return text_ == text;
  if (type_ == Type::regex) return matches(text);
  why = "a " + std::string(vsl::to_string(type_)) + " cannot be compared with text";
  if (type_ != Type::code) why += "; `in` looks inside";
  return std::nullopt;
}

std::optional<bool> Object::equals(const Object& other, std::string& why) const {
  if (this == &other) return true;
  if (other.type_ == Type::regex && type_ != Type::regex) return other.equals(*this, why);
  if (type_ == Type::regex) {
    if (other.type_ == Type::regex) return text_ == other.text_;
    if (is_textual(other.type_)) return matches(other.text_);
    why = "a regex cannot be compared with a " + std::string(vsl::to_string(other.type_));
    return std::nullopt;
  }
  if (type_ == Type::string) return other.equals(std::string_view(text_), why);
  if (other.type_ == Type::string) return equals(std::string_view(other.text_), why);
  if (is_ip(type_) && is_ip(other.type_)) return network_ == other.network_;
  if (type_ != other.type_) return false;
  if (is_name(type_)) return same_name(type_, text_, other.text_);
  if (is_range(type_)) return network_ == other.network_;
  if (type_ == Type::code) return reply_ == other.reply_;
  return std::equal(
      members_.begin(), members_.end(), other.members_.begin(), other.members_.end(),
      [&](const ObjectPtr& a, const ObjectPtr& b) { return a->equals(*b, why).value_or(false); });
}

std::optional<bool> Object::contains(std::string_view text, std::string& why) const {
  if (is_list(type_)) return static_cast<const List&>(*this).has(text);
  if (type_ == Type::regex) return matches(text);
  if (is_range(type_)) {
    const auto ip = IpAddress::from_text(text);
    return ip && network_->contains(*ip);
  }
  why = "`in` cannot look for text inside of a " + std::string(vsl::to_string(type_));
  return std::nullopt;
}

std::optional<bool> Object::contains(const Object& other, std::string& why) const {
  if (is_list(type_)) return static_cast<const List&>(*this).has(other);
  if (type_ == Type::regex) return equals(other, why);
  if (is_range(type_)) {
    if (is_ip(other.type_)) return network_->contains(other.network_->network());
    return other.type_ == Type::string && contains(std::string_view(other.text_), why) == true;
  }
  if (type_ == Type::address && other.type_ == Type::identifier) {
    // `"jane"@example.com` is jane@example.com (RFC 5321 §4.1.2).
    return iequals(mailbox_ ? mailbox_->local_part : "", other.text_) ||
           (mailbox_ && iequals(mailbox_->unquoted_local_part(), other.text_));
  }
  if (type_ == Type::address && other.type_ == Type::fqdn) {
    return mailbox_ && same_name(Type::fqdn, mailbox_->domain, other.text_);
  }
  why = "`in` cannot look for a " + std::string(vsl::to_string(other.type_)) + " inside of a " +
        std::string(vsl::to_string(type_));
  return std::nullopt;
}

std::optional<Object::Type> object_type(std::string_view word) {
  const auto found = std::find_if(type_words.begin(), type_words.end(),
                                  [&](const auto& one) { return one.first == word; });
  if (found == type_words.end()) return std::nullopt;
  return found->second;
}

std::string_view to_string(Object::Type type) {
  const auto found = std::find_if(type_words.begin(), type_words.end(),
                                  [&](const auto& one) { return one.second == type; });
  return found->first;
}

std::string_view to_string(Status::Kind kind) {
  switch (kind) {
    case Status::Kind::next:
      return "next";
    case Status::Kind::accept:
      return "accept";
    case Status::Kind::faccept:
      return "faccept";
    case Status::Kind::deny:
      return "deny";
    case Status::Kind::info:
      return "info";
    case Status::Kind::quarantine:
      return "quarantine";
    case Status::Kind::refuse_recipient:
      break;
  }
  return "refuse_recipient";
}

}  // namespace postern::dialect::vsl

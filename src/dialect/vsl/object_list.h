// The classes of objects. Private to object.cc and object_list.cc.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dialect/vsl/object.h"

namespace postern::dialect::vsl::objects {

using Type = Object::Type;  ///< short for Object::Type

/// Whether it is a single address.
inline bool is_ip(Type type) { return type == Type::ip4 || type == Type::ip6; }
/// Whether it is a network.
inline bool is_range(Type type) { return type == Type::rg4 || type == Type::rg6; }
/// Whether it has members.
inline bool is_list(Type type) { return type == Type::file || type == Type::group; }
/// Whether it is compared as a name; see key_of().
inline bool is_name(Type type) {
  return type == Type::address || type == Type::fqdn || type == Type::identifier;
}
/// Whether a regular expression can match it.
inline bool is_textual(Type type) { return is_ip(type) || is_name(type) || type == Type::string; }

/// The form of a name for comparison: lower case, domains as A-labels without a trailing dot. So no
/// spelling of a blocked domain passes a rule.
std::string key_of(Type type, std::string_view text);
/// Whether both have the same key_of().
bool same_name(Type type, std::string_view a, std::string_view b);

/// An object without members, or the base of List.
struct Plain : Object {
  /// Any type.
  Plain(Type type, std::string text) {
    type_ = type;
    text_ = std::move(text);
  }
  /// An address or a network.
  Plain(Type type, std::string text, Cidr network) : Plain(type, std::move(text)) {
    network_ = network;
  }
  /// An address; nullopt: the null reverse-path.
  Plain(std::string text, std::optional<mail::Mailbox> mailbox)
      : Plain(Type::address, std::move(text)) {
    mailbox_ = std::move(mailbox);
  }
  /// A reply code.
  explicit Plain(smtp::Reply reply) : Plain(Type::code, reply.to_string()) {
    reply_ = std::move(reply);
  }
};

/// A file or group. Its members are indexed by the form in which they are compared, so that a list
/// of 100,000 can be searched for each message.
class List final : public Plain {
 public:
  /// Throws a sentence for too many or too deeply nested members; see Object::list().
  List(Type type, std::vector<ObjectPtr> members);

  /// Whether a text is in the list, as a string or as any type that it can be read as.
  bool has(std::string_view text) const;
  /// Whether an object is in the list.
  bool has(const Object& object) const;

 private:
  using Texts = std::unordered_set<std::string>;

  void add(const Object& member, std::vector<Cidr>& networks, std::vector<Cidr>& addresses);

  CidrSet networks_;
  CidrSet addresses_;           ///< written as strings
  std::array<Texts, 3> names_;  ///< keys of address, fqdn and identifier
  Texts strings_;
  Texts lower_strings_;
  std::vector<const Object*> others_;
  int depth_ = 1;
  std::size_t weight_ = 0;
};

}  // namespace postern::dialect::vsl::objects

// What objects are made of. Private to object.cc and object_list.cc.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "dialect/vsl/object.h"

namespace postern::dialect::vsl::objects {

using Type = Object::Type;

inline bool is_ip(Type type) { return type == Type::ip4 || type == Type::ip6; }
inline bool is_range(Type type) { return type == Type::rg4 || type == Type::rg6; }
inline bool is_list(Type type) { return type == Type::file || type == Type::group; }
inline bool is_name(Type type) {
  return type == Type::address || type == Type::fqdn || type == Type::identifier;
}
/// What a regular expression can be compared with.
inline bool is_textual(Type type) { return is_ip(type) || is_name(type) || type == Type::string; }

/// What names are compared by: lower case, domains as A-labels without a dot at their end, so that
/// no spelling of a blocked domain gets past a rule.
std::string key_of(Type type, std::string_view text);
bool same_name(Type type, std::string_view a, std::string_view b);

struct Plain : Object {
  Plain(Type type, std::string text) {
    type_ = type;
    text_ = std::move(text);
  }
  Plain(Type type, std::string text, Cidr network) : Plain(type, std::move(text)) {
    network_ = network;
  }
  Plain(std::string text, std::optional<mail::Mailbox> mailbox)
      : Plain(Type::address, std::move(text)) {
    mailbox_ = std::move(mailbox);
  }
  explicit Plain(smtp::Reply reply) : Plain(Type::code, reply.to_string()) {
    reply_ = std::move(reply);
  }
};

/// Members are indexed by what they are compared by: a list of 100,000 is asked for each message.
class List final : public Plain {
 public:
  List(Type type, std::vector<ObjectPtr> members);

  bool has(std::string_view text) const;
  bool has(const Object& object) const;

 private:
  using Texts = std::unordered_set<std::string>;

  void add(const Object& member, std::vector<Cidr>& networks, std::vector<Cidr>& addresses);

  CidrSet networks_;
  CidrSet addresses_;           ///< that are written as strings
  std::array<Texts, 3> names_;  ///< address, fqdn, identifier
  Texts strings_;
  Texts lower_strings_;
  std::vector<const Object*> others_;
  int depth_ = 1;
  std::size_t weight_ = 0;
};

}  // namespace postern::dialect::vsl::objects

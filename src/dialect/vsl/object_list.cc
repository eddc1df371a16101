#include "dialect/vsl/object_list.h"

#include <algorithm>
#include <stdexcept>

#include "base/text.h"

namespace postern::dialect::vsl::objects {

namespace {

constexpr std::size_t longest_list_text = 64u << 10;
constexpr int deepest_list = 32;
constexpr std::size_t heaviest_list = 10'000'000;

/// Whether spellings of the name can differ only in case.
bool is_simple(std::string_view text) { return is_ascii(text) && !text.ends_with('.'); }

std::size_t slot_of(Type type) { return type == Type::address ? 0 : type == Type::fqdn ? 1 : 2; }

std::string members_text(const std::vector<ObjectPtr>& members) {
  std::string text = "[";
  for (const ObjectPtr& member : members) {
    if (text.size() > 1) text += ", ";
    if (text.size() + member->text().size() > longest_list_text) {
      text += "...";
      break;
    }
    text += member->text();
  }
  return text + "]";
}

/// Whether a member equals or contains `what`. Members that cannot be compared with it do not.
template <class What>
bool any_of(const std::vector<const Object*>& members, const What& what) {
  std::string ignored;
  return std::any_of(members.begin(), members.end(), [&](const Object* member) {
    if (member->equals(what, ignored).value_or(false)) return true;
    return (is_list(member->type()) || is_range(member->type())) &&
           member->contains(what, ignored).value_or(false);
  });
}

}  // namespace

std::string key_of(Type type, std::string_view text) {
  if (!is_simple(text)) {
    if (type == Type::fqdn) {
      if (const auto domain = mail::Domain::parse(text)) return domain->text();
    } else if (type == Type::address) {
      const auto mailbox = mail::parse_mailbox(text, mail::Utf8::allowed);
      if (mailbox) return lower(mailbox->text());
    }
  }
  return lower(text);
}

bool same_name(Type type, std::string_view a, std::string_view b) {
  if (iequals(a, b)) return true;
  return !(is_simple(a) && is_simple(b)) && key_of(type, a) == key_of(type, b);
}

List::List(Type type, std::vector<ObjectPtr> members) : Plain(type, members_text(members)) {
  members_ = std::move(members);
  std::vector<Cidr> networks;
  std::vector<Cidr> addresses;
  for (const ObjectPtr& member : members_) add(*member, networks, addresses);
  networks_ = CidrSet(std::move(networks));
  addresses_ = CidrSet(std::move(addresses));
  if (depth_ > deepest_list) throw std::runtime_error("groups are nested too deeply");
  if (weight_ > heaviest_list) throw std::runtime_error("a group has too many members");
}

bool List::has(std::string_view text) const {
  if (strings_.contains(std::string(text))) return true;
  for (const Type type : {Type::address, Type::fqdn, Type::identifier}) {
    const Texts& keys = names_[slot_of(type)];
    if (!keys.empty() && keys.contains(key_of(type, text))) return true;
  }
  const auto ip = IpAddress::from_text(text);
  if (ip && networks_.contains(*ip)) return true;
  return any_of(others_, text);
}

bool List::has(const Object& object) const {
  const Type type = object.type();
  if (type == Type::string) return has(object.text());
  if (is_ip(type)) {
    const IpAddress& ip = object.network()->network();
    return networks_.contains(ip) || addresses_.contains(ip) || any_of(others_, object);
  }
  if (is_name(type)) {
    const std::string key = key_of(type, object.text());
    return names_[slot_of(type)].contains(key) || lower_strings_.contains(key) ||
           lower_strings_.contains(lower(object.text())) || any_of(others_, object);
  }
  std::vector<const Object*> all;
  for (const ObjectPtr& member : members_) all.push_back(member.get());
  return any_of(all, object);
}

void List::add(const Object& member, std::vector<Cidr>& networks, std::vector<Cidr>& addresses) {
  const Type type = member.type();
  ++weight_;
  if (is_list(type)) {
    const auto& list = static_cast<const List&>(member);
    weight_ += list.weight_;
    depth_ = std::max(depth_, list.depth_ + 1);
  }
  if (is_ip(type) || is_range(type)) {
    networks.push_back(*member.network());
  } else if (is_name(type)) {
    names_[slot_of(type)].insert(key_of(type, member.text()));
  } else if (type == Type::string && is_simple(member.text())) {
    strings_.insert(member.text());
    lower_strings_.insert(lower(member.text()));
    if (const auto ip = IpAddress::from_text(member.text())) {
      addresses.emplace_back(*ip, ip->bits());
    }
  } else {
    others_.push_back(&member);
  }
}

}  // namespace postern::dialect::vsl::objects

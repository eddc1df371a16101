#include "dialect/vsl/object.h"

#include <gtest/gtest.h>

#include "base/growth_test.h"

namespace postern::dialect::vsl {
namespace {

using Type = Object::Type;

ObjectPtr made(Type type, std::string_view text) {
  const Result<ObjectPtr> object = Object::make(type, text);
  EXPECT_TRUE(object) << text << ": " << (object ? "" : object.error().message);
  return object ? *object : Object::make(Type::string, "").value();
}

/// "yes", "no", or the sentence that says why there is no answer.
std::string answer(std::optional<bool> given, const std::string& why) {
  return given ? (*given ? "yes" : "no") : why;
}
std::string equals(const ObjectPtr& a, const ObjectPtr& b) {
  std::string why;
  return answer(a->equals(*b, why), why);
}
std::string equals(const ObjectPtr& a, std::string_view text) {
  std::string why;
  return answer(a->equals(text, why), why);
}
std::string contains(const ObjectPtr& a, const ObjectPtr& b) {
  std::string why;
  return answer(a->contains(*b, why), why);
}
std::string contains(const ObjectPtr& a, std::string_view text) {
  std::string why;
  return answer(a->contains(text, why), why);
}

TEST(VslObject, types_have_words) {
  EXPECT_EQ(object_type("addr"), Type::address);
  EXPECT_EQ(object_type("ident"), Type::identifier);
  EXPECT_EQ(object_type("val"), Type::string);
  EXPECT_EQ(object_type("rg6"), Type::rg6);
  EXPECT_EQ(object_type("Address"), std::nullopt);
  EXPECT_EQ(to_string(Type::identifier), "identifier");
  EXPECT_EQ(to_string(Status::Kind::faccept), "faccept");
}

TEST(VslObject, is_made_of_text) {
  struct Case {
    Type type;
    std::string_view text;
    std::string_view wanted;  ///< text(), or the error
  };
  const Case cases[] = {
      {Type::ip4, "192.0.2.1", "192.0.2.1"},
      {Type::ip4, "192.0.2.256", "error: `192.0.2.256` is no IPv4 address"},
      {Type::ip4, "2001:db8::1", "error: `2001:db8::1` is no IPv4 address"},
      {Type::ip4, "::ffff:192.0.2.1", "error: `::ffff:192.0.2.1` is no IPv4 address"},
      {Type::ip6, "2001:DB8:0::1", "2001:db8::1"},
      {Type::ip6, "::ffff:192.0.2.1", "192.0.2.1"},
      {Type::ip6, "192.0.2.1", "error: `192.0.2.1` is no IPv6 address"},
      {Type::rg4, "192.0.2.77/24", "192.0.2.0/24"},
      {Type::rg4, "192.0.2.77", "192.0.2.77/32"},
      {Type::rg4, "192.0.2.0/33", "error: `192.0.2.0/33` is no IPv4 range such as 192.0.2.0/24"},
      {Type::rg4, "192.0.2.0/", "error: `192.0.2.0/` is no IPv4 range such as 192.0.2.0/24"},
      {Type::rg6, "2001:db8:1::/32", "2001:db8::/32"},
      {Type::rg6, "::ffff:192.0.2.7/120", "192.0.2.0/24"},
      {Type::rg6, "::ffff:192.0.2.7/95",
       "error: `::ffff:192.0.2.7/95` is no IPv6 range such as 2001:db8::/32"},
      {Type::rg6, "10.0.0.0/8", "error: `10.0.0.0/8` is no IPv6 range such as 2001:db8::/32"},
      {Type::address, "Jane.Doe@Example.com", "Jane.Doe@Example.com"},
      {Type::address, "jürgen@bücher.example", "jürgen@bücher.example"},
      {Type::address, "a@b@c",
       "error: `a@b@c` is no address: domain holds an octet that no label has"},
      {Type::address, "", "error: `` is no address: local part is empty or ends in a dot"},
      {Type::address, "a\r\n@example.com",
       "error: `a\\x0d\\x0a@example.com` is no address: no @ after the local part"},
      {Type::fqdn, "Example.com", "Example.com"},
      {Type::fqdn, "exa mple.com",
       "error: `exa mple.com` is no domain name: domain holds an octet that no label has"},
      {Type::identifier, "jane.doe", "jane.doe"},
      {Type::regex, "^a+$", "^a+$"},
      {Type::regex, "a(", "error: `a(` is no regular expression: missing ): a("},
      {Type::regex, "(a)\\1", "error: `(a)\\1` is no regular expression: invalid escape"},
      {Type::code, "550 5.7.1 go away", "550 5.7.1 go away"},
      {Type::code, "250 fine", "250 fine"},
      {Type::code, "451", "451 "},
      {Type::code, "550 5.7.1 a\r\nb",
       "error: `550 5.7.1 a\\x0d\\x0ab` is no reply code such as `550 5.7.1 text`: it must be one "
       "line"},
      {Type::code, "199 x",
       "error: `199 x` is no reply code such as `550 5.7.1 text`: no code from 200 to 599 in "
       "front"},
      {Type::code, "5500 x",
       "error: `5500 x` is no reply code such as `550 5.7.1 text`: no code from 200 to 599 in "
       "front"},
      {Type::group, "x", "error: a group is not made of one text"},
  };
  for (const Case& one : cases) {
    const Result<ObjectPtr> object = Object::make(one.type, one.text);
    const std::string got = object ? (*object)->text() : "error: " + object.error().message;
    EXPECT_EQ(got.substr(0, one.wanted.size()), one.wanted) << one.text;
    if (object) EXPECT_EQ(got, one.wanted);
  }
}

TEST(VslObject, codes_have_parts) {
  const auto reply = Object::parse_code("550 5.7.1 a text");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->code, 550);
  EXPECT_EQ(reply->enhanced, (smtp::EnhancedCode{5, 7, 1}));
  EXPECT_EQ(reply->text, "a text");
  EXPECT_FALSE(Object::parse_code("250 5 things")->enhanced.present());
  EXPECT_EQ(Object::parse_code("250 5 things")->text, "5 things");
}

TEST(VslObject, compares_with_text) {
  struct Case {
    Type type;
    std::string_view object;
    std::string_view text;
    std::string_view wanted;
  };
  const Case cases[] = {
      {Type::ip4, "192.0.2.1", "192.0.2.1", "yes"},
      {Type::ip4, "192.0.2.1", "::ffff:192.0.2.1", "yes"},
      {Type::ip4, "192.0.2.1", "192.0.2.2", "no"},
      {Type::ip4, "192.0.2.1", "host.example", "no"},
      {Type::ip6, "2001:db8::1", "2001:DB8:0:0::1", "yes"},
      {Type::ip6, "::ffff:192.0.2.1", "192.0.2.1", "yes"},
      {Type::address, "a@example.com", "A@EXAMPLE.com", "yes"},
      {Type::address, "a@example.com", "b@example.com", "no"},
      {Type::address, "a@bücher.example", "a@xn--bcher-kva.example", "yes"},
      {Type::fqdn, "Example.com", "example.COM", "yes"},
      {Type::fqdn, "example.com", "example.com.", "yes"},
      {Type::fqdn, "bücher.example", "XN--bcher-kva.example", "yes"},
      {Type::fqdn, "example.com", "sub.example.com", "no"},
      {Type::identifier, "Jane", "jANE", "yes"},
      {Type::string, "Jane", "jane", "no"},
      {Type::regex, "ell", "hello", "yes"},
      {Type::regex, "^ell", "hello", "no"},
      {Type::rg4, "192.0.2.0/24", "192.0.2.1",
       "a rg4 cannot be compared with text; `in` looks inside"},
      {Type::code, "550 x", "550 x", "a code cannot be compared with text"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(equals(made(one.type, one.object), one.text), one.wanted) << one.object << one.text;
  }
  EXPECT_EQ(equals(Object::list(Type::group, {}), "x"),
            "a group cannot be compared with text; `in` looks inside");
  EXPECT_EQ(equals(Object::address(std::nullopt), ""), "yes");
  EXPECT_EQ(equals(Object::address(std::nullopt), "a@example.com"), "no");
}

TEST(VslObject, compares_with_objects) {
  const ObjectPtr ip = made(Type::ip4, "192.0.2.1");
  const ObjectPtr range = made(Type::rg4, "192.0.2.0/24");
  const ObjectPtr regex = made(Type::regex, "^192");
  const ObjectPtr name = made(Type::identifier, "192");
  const ObjectPtr code = made(Type::code, "550 5.7.1 x");
  struct Case {
    ObjectPtr a;
    ObjectPtr b;
    std::string_view wanted;
  };
  const Case cases[] = {
      {ip, made(Type::ip6, "::ffff:192.0.2.1"), "yes"},
      {ip, name, "no"},
      {ip, range, "no"},
      {ip, regex, "yes"},
      {regex, made(Type::regex, "^192"), "yes"},
      {regex, range, "a regex cannot be compared with a rg4"},
      {range, regex, "a regex cannot be compared with a rg4"},
      {range, made(Type::rg4, "192.0.2.9/24"), "yes"},
      {range, made(Type::rg4, "192.0.2.0/25"), "no"},
      {name, made(Type::fqdn, "192"), "no"},
      {name, made(Type::string, "192"), "yes"},
      {made(Type::string, "192"), name, "yes"},
      {code, made(Type::code, "550 5.7.1 x"), "yes"},
      {code, made(Type::code, "550 5.7.2 x"), "no"},
      {Object::list(Type::group, {ip, name}), Object::list(Type::group, {ip, name}), "yes"},
      {Object::list(Type::group, {ip, name}), Object::list(Type::group, {ip}), "no"},
      {Object::list(Type::group, {ip}), Object::list(Type::file, {ip}), "no"},
      {made(Type::address, "a@example.com"), made(Type::address, "A@Example.Com"), "yes"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(equals(one.a, one.b), one.wanted) << one.a->text() << " " << one.b->text();
  }
}

TEST(VslObject, contains_what_is_inside) {
  const ObjectPtr range = made(Type::rg4, "192.0.2.0/24");
  const ObjectPtr mailbox = made(Type::address, "Jane@Example.com");
  const ObjectPtr quoted = made(Type::address, "\"jane\"@example.com");
  struct Case {
    ObjectPtr container;
    ObjectPtr what;
    std::string_view wanted;
  };
  const Case cases[] = {
      {range, made(Type::ip4, "192.0.2.255"), "yes"},
      {range, made(Type::ip6, "::ffff:192.0.2.255"), "yes"},
      {range, made(Type::ip6, "2001:db8::1"), "no"},
      {range, made(Type::string, "192.0.2.255"), "yes"},
      {range, made(Type::fqdn, "example.com"), "no"},
      {mailbox, made(Type::identifier, "jane"), "yes"},
      {quoted, made(Type::identifier, "jane"), "yes"},
      {mailbox, made(Type::fqdn, "example.com"), "yes"},
      {mailbox, made(Type::fqdn, "ample.com"), "no"},
      {Object::address(std::nullopt), made(Type::fqdn, "example.com"), "no"},
      {mailbox, range, "`in` cannot look for a rg4 inside of a address"},
      {made(Type::regex, "jane"), made(Type::address, "jane@example.com"), "yes"},
      {made(Type::fqdn, "example.com"), made(Type::fqdn, "example.com"),
       "`in` cannot look for a fqdn inside of a fqdn"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(contains(one.container, one.what), one.wanted)
        << one.container->text() << " " << one.what->text();
  }
  EXPECT_EQ(contains(range, "192.0.2.3"), "yes");
  EXPECT_EQ(contains(range, "mx.example"), "no");
  EXPECT_EQ(contains(mailbox, "Jane"), "`in` cannot look for text inside of a address");
}

TEST(VslObject, groups_hold_anything) {
  const ObjectPtr list = Object::list(Type::file, {made(Type::ip4, "203.0.113.50")});
  const ObjectPtr inner = Object::list(Type::group, {made(Type::rg6, "2001:db8::/32"), list});
  const ObjectPtr all = Object::list(
      Type::group,
      {made(Type::rg4, "10.0.0.0/8"), inner, made(Type::regex, "^198\\.51\\.100\\.[0-9]+$"),
       made(Type::address, "a@bücher.example"), made(Type::fqdn, "example.com"),
       made(Type::identifier, "jane"), made(Type::string, "Plain"), made(Type::string, "192.0.2.9"),
       made(Type::string, "dotted.example."), made(Type::code, "550 x")});
  struct Case {
    Type type;
    std::string_view text;
    std::string_view as_text;    ///< whether the group contains the text
    std::string_view as_object;  ///< whether it contains the object
  };
  const Case cases[] = {
      {Type::ip4, "10.9.8.7", "yes", "yes"},
      {Type::ip4, "11.9.8.7", "no", "no"},
      {Type::ip6, "2001:db8::7", "yes", "yes"},
      {Type::ip4, "203.0.113.50", "yes", "yes"},
      {Type::ip4, "203.0.113.51", "no", "no"},
      {Type::ip4, "198.51.100.200", "yes", "yes"},
      {Type::ip4, "192.0.2.9", "yes", "yes"},
      {Type::address, "A@xn--bcher-kva.example", "yes", "yes"},
      {Type::fqdn, "EXAMPLE.com", "yes", "yes"},
      {Type::fqdn, "dotted.example", "no", "yes"},
      {Type::identifier, "JANE", "yes", "yes"},
      {Type::identifier, "example.com", "yes", "no"},  // an identifier is not an fqdn
      {Type::identifier, "plain", "no", "yes"},        // text is compared with case
      {Type::string, "Plain", "yes", "yes"},
      {Type::code, "550 x", "no", "yes"},
      {Type::rg4, "10.0.0.0/8", "no", "yes"},
      {Type::rg4, "10.1.0.0/16", "no", "no"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(contains(all, one.text), one.as_text) << one.text;
    EXPECT_EQ(contains(all, made(one.type, one.text)), one.as_object) << one.text;
  }
  EXPECT_EQ(inner->text(), "[2001:db8::/32, [203.0.113.50]]");
  EXPECT_EQ(all->members().size(), 10u);
}

TEST(VslObject, groups_have_bounds) {
  ObjectPtr deep = Object::list(Type::group, {});
  for (int i = 0; i < 31; ++i) deep = Object::list(Type::group, {deep});
  EXPECT_EQ(contains(deep, "x"), "no");
  EXPECT_THROW(Object::list(Type::group, {deep}), std::runtime_error);
  ObjectPtr wide = Object::list(Type::group, {made(Type::regex, "x")});
  const auto grow = [&] {
    for (int i = 0; i < 30; ++i) wide = Object::list(Type::group, {wide, wide});
  };
  EXPECT_THROW(grow(), std::runtime_error);
}

TEST(VslObject, a_big_list_answers_fast) {
  std::vector<ObjectPtr> members;
  for (int i = 0; i < 100'000; ++i) {
    members.push_back(made(Type::address, "user" + std::to_string(i) + "@example.com"));
  }
  const ObjectPtr list = Object::list(Type::file, std::move(members));
  EXPECT_LT(list->text().size(), 70'000u);
  const double seconds = tests::cpu_seconds([&] {
    for (int i = 0; i < 10'000; ++i) {
      ASSERT_EQ(contains(list, "USER99999@example.com"), "yes");
      ASSERT_EQ(contains(list, "nobody@example.com"), "no");
    }
  });
  // Two thousand million comparisons if it looked at each member.
  EXPECT_LT(seconds, 10);
}

}  // namespace
}  // namespace postern::dialect::vsl

#include "dialect/kumo/address_header.h"

#include <gmock/gmock.h>

#include "dialect/kumo/hooks_test.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::HasSubstr;

/// Stands for the library that reads fields, which is in another room: one answer for each text.
std::vector<HeaderText::Entry> read(std::string_view field) {
  const HeaderText::Address ann{"Ann", "ann@example.com"};
  const HeaderText::Address bob{"", "\"b o b\"@example.net"};
  if (field == "one") return {{{ann}, std::nullopt}};
  if (field == "quoted") return {{{bob}, std::nullopt}};
  if (field == "two") return {{{ann}, std::nullopt}, {{bob}, std::nullopt}};
  if (field == "group") return {{{ann, bob}, "G"}};
  if (field == "group of one") return {{{ann}, "G"}};
  if (field == "empty group") return {{{}, "G"}};
  if (field == "mixed") return {{{ann}, std::nullopt}, {{bob}, ""}};
  if (field == "name") return {{{{"Ann", ""}}, std::nullopt}};
  if (field == "root") return {{{{"", "root"}}, std::nullopt}};
  return {};
}

class AddressHeaders : public testing::Hooks {
 protected:
  /// The value of an expression on `h`, the addresses of a field.
  std::string of(const std::string& field, const std::string& expression) {
    evidence_.session.script.reset();  // a session keeps the policy it began with
    evidence_.copies.clear();
    world_.lines.clear();
    options_.header_text.addresses = read;
    load(
        "kumo.on('smtp_server_message_received', function(msg) local h = msg:to_header() "
        "local _, v = pcall(function() return " +
        expression + " end) kumo.log_info(tostring(v)) msg:set_meta('x', tostring(v)) end)");
    recipients({"anna"});
    receive(field + "From: a@example.org\r\n\r\nbody\r\n");
    EXPECT_EQ(verdict(policy::Stage::message), "pass");
    return said().empty() ? "" : said().front();
  }
};

TEST_F(AddressHeaders, are_a_single_address_or_a_list) {
  const std::string several = "is not a single simple address";
  const struct {
    std::string field, expression, value;
  } cases[] = {
      {"one", "h.email", "ann@example.com"},
      {"one", "h.name", "Ann"},
      {"one", "h.user", "ann"},
      {"one", "h.domain", "example.com"},
      {"one", "#h.list", "1"},
      {"one", "h.list[1].email", "ann@example.com"},
      {"one", "tostring(h)", R"([{"Address":{"name":"Ann","address":"ann@example.com"}}])"},
      {"quoted", "h.name", "nil"},
      {"quoted", "h.user", "b o b"},
      {"quoted", "h.domain", "example.net"},
      {"quoted", "h.email", "\"b o b\"@example.net"},
      {"quoted", "h.list[1].user", "b o b"},
      {"two", "h.email", several},
      {"two", "h.name", several},
      {"two", "h.user", several},
      {"two", "h.domain", several},
      {"two", "#h.list", "2"},
      {"two", "h.list[2].domain", "example.net"},
      {"two", "tostring(h.list[2])", R"({"name":null,"address":"\"b o b\"@example.net"})"},
      {"group", "h.email", several},
      {"group", "h.list[1].name", "Ann"},
      {"group", "#h.list", "2"},
      {"group of one", "h.domain", several},
      {"group of one", "tostring(h)",
       R"([{"Group":{"name":"G","addresses":[{"name":"Ann","address":"ann@example.com"}]}}])"},
      {"empty group", "type(h)", "userdata"},
      {"empty group", "#h.list", "0"},
      {"empty group", "h.email", several},
      {"empty group", "tostring(h)", R"([{"Group":{"name":"G","addresses":[]}}])"},
      {"mixed", "#h.list", "2"},
      {"name", "h.email", "nil"},
      {"name", "h.name", "Ann"},
      {"name", "h.domain", "there is a name and no address"},
      {"name", "h.list[1].user", "there is a name and no address"},
      {"root", "h.email", "root"},
      {"root", "h.user", "there is no @ in the address"},
      {"unreadable", "#h.list", "0"},
      {"unreadable", "h.email", "the field has no address"},
      {"unreadable", "tostring(h)", "[]"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(of("To: " + one.field + "\r\n", one.expression), HasSubstr(one.value))
        << one.field << ": " << one.expression;
  }
  EXPECT_EQ(of("", "h"), "nil") << "without the field";
  EXPECT_EQ(of("TO: one\r\nTo: two\r\n", "h.user"), "ann") << "the first one counts";
}

TEST_F(AddressHeaders, are_the_same_when_a_decision_is_made_again) {
  EXPECT_EQ(of("To: two\r\n", "h.list[2].user .. tostring(h)"),
            R"(b o b[{"Address":{"name":"Ann","address":"ann@example.com"}},)"
            R"({"Address":{"name":null,"address":"\"b o b\"@example.net"}}])");
  const std::string first = evidence_.copies.at(0).meta.at("x").as_string().c_str();
  tape_ = policy::Tape::of(decision_.script);
  evidence_.copies.clear();
  EXPECT_EQ(verdict(policy::Stage::message), "pass");
  EXPECT_EQ(evidence_.copies.at(0).meta.at("x").as_string(), first);
}

}  // namespace
}  // namespace postern::dialect::kumo

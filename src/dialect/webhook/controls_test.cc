#include "dialect/webhook/controls.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dialect/webhook/fields.h"
#include "policy/evidence.h"
#include "policy/questions/offered.h"

namespace postern::dialect::webhook {
namespace {

/// A control that the log names differently than dry runs, or that is judged in another order than
/// it is shown, would be wrong in the pages.
TEST(Controls, are_those_of_the_catalogue_in_the_order_of_evaluation) {
  policy::Stage stage = policy::Stage::rcpt;
  for (const Control& control : controls()) {
    ASSERT_FALSE(control.rules.empty()) << control.name;
    for (const ControlRule& rule : control.rules) {
      EXPECT_EQ(rule.check->control, control.name) << rule.field;
      EXPECT_EQ(rule.check->stage, control.rules.front().check->stage) << rule.field;
      EXPECT_EQ(rule_of(rule.field, rule.check->name), &rule)
          << "two rules of " << rule.check->name << " have the field " << rule.field;
    }
    EXPECT_LE(stage, control.rules.front().check->stage) << control.name;
    stage = control.rules.front().check->stage;
  }
}

TEST(Controls, have_every_offered_check) {
  for (const policy::Check& check : policy::questions::offered_checks()) {
    const auto found = std::ranges::find(controls(), check.name, &Control::name);
    ASSERT_NE(found, controls().end()) << check.name;
    EXPECT_TRUE(found->named) << check.name;
    PolicyFields fields;
    EXPECT_FALSE(found->rules.front().is_on(fields)) << check.name;
    fields.checks.emplace_back(check.name);
    EXPECT_TRUE(found->rules.front().is_on(fields)) << check.name;
  }
}

/// A field that no control lists would be missing in the form. Only `checks` belongs to several.
TEST(Controls, have_each_field_once) {
  std::vector<std::string_view> owned;
  for (const Control& control : controls()) {
    ASSERT_FALSE(control.fields.empty()) << control.name;
    for (const std::string_view field : control.fields) {
      if (!control.named || std::ranges::find(owned, field) == owned.end()) owned.push_back(field);
    }
    for (const ControlRule& rule : control.rules)
      EXPECT_NE(std::ranges::find(control.fields, rule.field), control.fields.end()) << rule.field;
  }
  const std::vector<FieldText> fields = field_texts();
  for (const FieldText& field : fields) {
    const bool general = field.kind == FieldKind::name || field.kind == FieldKind::mode;
    EXPECT_EQ(std::ranges::count(owned, field.name), general ? 0 : 1) << field.name;
    EXPECT_FALSE(field.label.empty()) << field.name;
    const auto needed = std::ranges::find(fields, field.needs, &FieldText::name);
    EXPECT_TRUE(field.needs.empty() || (needed != fields.end() && needed->kind == FieldKind::flag))
        << field.name;
  }
  for (const std::string_view name : owned)
    EXPECT_NE(std::ranges::find(fields, name, &FieldText::name), fields.end()) << name;
}

TEST(Controls, say_what_would_have_prevented_a_refusal) {
  PolicyFields fields;
  for (const char* network : {"192.0.2.0/24", "198.51.100.1/32", "2001:db8::/32", "203.0.113.0/24"})
    fields.allowed_source_ips.push_back(*Cidr::parse(network));
  fields.allowed_spf_domains = {"a.example", ".b.example"};
  fields.allowed_dkim_domains = {"a.example"};
  policy::Evidence evidence;
  evidence.session.client_ip = *IpAddress::parse("192.0.2.7");
  const auto hint = [&](std::string_view field, std::string_view check) {
    const ControlRule* rule = rule_of(field, check);
    return rule == nullptr ? "none" : rule->hint(fields, evidence);
  };
  EXPECT_EQ(hint("allowed_source_ips", "client_in_networks"),
            "the client were in 192.0.2.0/24, 198.51.100.1/32, 2001:db8::/32 or one of 1 more");
  EXPECT_EQ(hint("require_smtp_auth", "client_authenticated"), "the client signed in, over TLS");
  EXPECT_EQ(hint("allowed_spf_domains", "spf_domain_listed"),
            "the sender's domain were a.example or .b.example");
  EXPECT_EQ(hint("require_spf", "spf_authorised"),
            "the sender's domain listed 192.0.2.7 in its SPF record");
  EXPECT_EQ(hint("require_dkim", "dkim_signed"), "it carried a valid DKIM signature");
  EXPECT_EQ(hint("allowed_dkim_domains", "dkim_signed"),
            "it carried a valid DKIM signature by a.example");
  EXPECT_EQ(hint("checks", "helo_literal_is_client"),
            "this held: an address literal in HELO is the client's address");
  EXPECT_EQ(hint("checks", "dkim_signed"), "none");
  EXPECT_EQ(hint("name", "dkim_signed"), "none");
}

}  // namespace
}  // namespace postern::dialect::webhook

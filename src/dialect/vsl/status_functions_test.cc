#include "dialect/vsl/functions_test.h"

namespace postern::dialect::vsl {
namespace {

using StatusFunctions = testing::Functions;

TEST_F(StatusFunctions, rules_answer_with_statuses) {
  expect({
      {"r(vsl.next(), vsl.accept(), vsl.faccept(), vsl.deny())", "next accept faccept deny"},
      {"r(vsl.accept('250 2.1.0 noted'))", "accept"},
      {"r(vsl.faccept(vsl.make_object('code', '250 fine')))", "faccept"},
      {"r(vsl.deny(vsl.predefined('code550_7_23')), vsl.info('450 4.7.1 later'))", "deny info"},
      {"r(vsl.type_of(vsl.deny()))", "\"status\""},
  });
}

TEST_F(StatusFunctions, codes_must_fit) {
  expect({
      {"vsl.accept('550 no')", "error: accept() takes a code of 200 to 299, not 550"},
      {"vsl.faccept('354 go')", "error: faccept() takes a code of 200 to 299, not 354"},
      {"vsl.deny('250 yes')", "error: deny() takes a code of 400 to 599, not 250"},
      {"vsl.info('354 go')", "error: info() takes a code of 400 to 599, not 354"},
      {"vsl.deny('nonsense')",
       "error: `nonsense` is no reply code such as `550 5.7.1 text`: no code from 200 to 599 in "
       "front"},
      {"vsl.deny('550 a\\r\\n250 b')",
       "error: `550 a\\x0d\\x0a250 b` is no reply code such as `550 5.7.1 text`: it must be one "
       "line"},
      {"vsl.deny(550)", "error: a string or an object expected, not a value of type i64"},
      {"vsl.deny(vsl.predefined('net_10'))",
       "error: `10.0.0.0/8` is no reply code such as `550 5.7.1 text`: no code from 200 to 599 in "
       "front"},
  });
}

TEST_F(StatusFunctions, queues_have_names_that_lead_nowhere_else) {
  for (const char* name : {"a", "suspects/john", "a.b-c_d/9", "..."}) {
    EXPECT_EQ(answer(std::string("r(vsl.quarantine('") + name + "'))"), "quarantine") << name;
  }
  for (const char* name : {"", "/a", "a/", "..", "../../etc", "a/../b", "a//b", "./a", "a b",
                           "a\\\\b", "a\\0b", "ä"}) {
    EXPECT_THAT(answer(std::string("vsl.quarantine('") + name + "')"),
                ::testing::HasSubstr("is no name of a queue"))
        << name;
  }
}

TEST_F(StatusFunctions, some_objects_are_there_without_a_declaration) {
  expect({
      {"r(vsl.predefined('code451_7_24'), vsl.predefined('code550_7_26'))",
       "451 4.7.24 SPF validation error 550 5.7.26 Multiple authentication checks failed"},
      {"r(vsl.predefined('non_routable_net'))", "[192.168.0.0/16, 172.16.0.0/12, 10.0.0.0/8]"},
      {"vsl.predefined('nobody')", "error: variable 'nobody' is not defined"},
  });
}

TEST_F(StatusFunctions, objects_are_made_of_text_and_maps) {
  expect({
      {"r(vsl.make_object('addr', 'a@example.com'))", "a@example.com"},
      {"r(vsl.make_object('fqdn', map('value', 'example.com', 'color', 'red')))", "example.com"},
      {"r(vsl.type_of(vsl.make_object('str', 'x')))", "\"string\""},
      {"r(vsl.type_of(vsl.make_object('ident', 'x')))", "\"identifier\""},
      {"r(vsl.make_object('code', map('code', 550, 'enhanced', '5.7.1', 'text', 'no')))",
       "550 5.7.1 no"},
      {"r(vsl.make_object('code', map('base', 554, 'enhanced', '', 'text', '5.1.1 said')))",
       "554 5.1.1 said"},
      {"r(vsl.make_object('code', map('value', '250 ok')))", "250 ok"},
      {"vsl.make_object('code', map('code', 600, 'text', 'x'))",
       "error: `600` is no reply code such as `550 5.7.1 text`: no code from 200 to 599 in front"},
      {"vsl.make_object('code', map('code', 550, 'enhanced', 'x', 'text', 'x'))",
       "error: `x` is no enhanced status code such as 5.7.1"},
      {"vsl.make_object('code', map('code', 550))", "error: a code needs a `text`"},
      {"vsl.make_object('code', map('code', '550', 'text', 'x'))",
       "error: a code needs a number as `code`"},
      {"vsl.make_object('code', map('code', 550, 'text', 'a\\nb'))",
       "error: `250 a\\x0ab` is no reply code such as `550 5.7.1 text`: it must be one line"},
      {"vsl.make_object('ip4', map('text', 'x'))", "error: the map of an object needs a `value`"},
      {"vsl.make_object('ip4', 'x')", "error: `x` is no IPv4 address"},
      {"vsl.make_object('ip4', 4)",
       "error: a string or an object expected, not a value of type i64"},
      {"vsl.make_object('file', 'x')", "error: `file` is no type of object"},
      {"vsl.make_object('thing', 'x')", "error: `thing` is no type of object"},
      {"r(vsl.make_group(list(vsl.predefined('net_10'), 'x')))", "[10.0.0.0/8, x]"},
      {"r(vsl.make_object('group', map('value', list('x'))))", "[x]"},
      {"vsl.make_group('x')", "error: a group takes an array of objects"},
      {"vsl.make_group(list(4))", "error: a group holds objects and strings, no value of type i64"},
  });
}

}  // namespace
}  // namespace postern::dialect::vsl

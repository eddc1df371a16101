#include "dialect/restrictions/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/temporary_folder_test.h"
#include "dialect/restrictions/table_test_support.h"

namespace postern::dialect::restrictions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Table, knows_what_a_table_looks_like) {
  EXPECT_TRUE(is_table_spec("hash:/etc/postfix/access"));
  EXPECT_TRUE(is_table_spec("inline:{ a=b }"));
  EXPECT_FALSE(is_table_spec("permit"));
  EXPECT_FALSE(is_table_spec("hash:"));
  EXPECT_FALSE(is_table_spec(":x"));
  EXPECT_FALSE(is_table_spec("bl.example.net=127.0.0.2"));
  EXPECT_FALSE(is_table_spec("two words:x"));
}

TEST(Table, types_that_need_no_file) {
  const Case cases[] = {
      {"static:REJECT", "whatever", "REJECT"},
      {"static:two words", "", "two words"},
      {"static:{ a b  c }", "x", "a b  c"},
      {"proxy:static:x", "k", "x"},
      {"inline:{ x=y }", "x", "y"},
      {"inline:{ X=y }", "x", "y"},
      {"inline:{ x=y }", "X", "y"},
      {"inline:{ {x = y z }, {a=2} }", "x", "y z"},
      {"inline:{ {x = 1}, {x=2}}", "x", "2"},
      {"inline:{ x=y=z }", "x", "y=z"},
      {"inline:{ {x={a b}} }", "x", "{a b}"},
      {"inline:{ x=y, z=w }", "w", nullptr},
      {"unionmap:{static:a,static:b}", "x", "a,b"},
      {"unionmap:{ inline:{ {x = 1} } static:{2 3} }", "x", "1,2 3"},
      {"unionmap:{ inline:{ x=1 } }", "y", nullptr},
      {"pipemap:{inline:{x=d}, inline:{d=e}}", "x", "e"},
      {"pipemap:{inline:{x=d}, inline:{e=e}}", "x", nullptr},
      {"cidr:{ {192.0.2.0/24 a b}, {198.51.100.0/24 c} }", "192.0.2.7", "a b"},
      {"pcre:{ {/^a{2}$/ two}, {/./ other} }", "aa", "two"},
      {"regexp:{ {/^b$/ b} }", "a", nullptr},
  };
  for (const Case& one : cases) check(one, Texts());
}

TEST(Table, a_large_one_knows_what_a_small_one_does) {
  // Both sides of the size from which another index is used.
  for (const int rows : {49'999, 50'000, 50'001, 120'000}) {
    std::string text = "Key0 first\n";
    for (int i = 0; i < rows; ++i) {
      text += "key" + std::to_string(i) + " value" + std::to_string(i % 1000) + "\n";
    }
    const auto table = Texts({{"/t", text}}).open("hash:/t");
    EXPECT_EQ(table->rows(), static_cast<std::size_t>(rows));
    EXPECT_EQ(table->hidden_rows().size(), 1u);  // key0 again
    EXPECT_EQ(table->lookup("key0").value, "first");
    for (int i = 1; i < rows; ++i) {
      const std::string key = "key" + std::to_string(i);
      ASSERT_EQ(table->lookup(key).value, "value" + std::to_string(i % 1000)) << key;
    }
    EXPECT_EQ(table->lookup("KEY7").value, "value7");
    EXPECT_EQ(table->lookup(std::string(500, 'k')).status, Found::Status::absent);
    for (int i = 0; i < rows; ++i) {
      const std::string key = "key" + std::to_string(i) + "x";
      ASSERT_EQ(table->lookup(key).status, Found::Status::absent) << key;
    }
    ASSERT_TRUE(table->rows_with("value1", 2));
    EXPECT_EQ(table->rows_with("value1", 2)->front().key, "key1");
  }
}

TEST(Table, names_its_rows) {
  const Texts texts{
      {"/t", "Example.org OK\nb@example.org REJECT\nexample.org again\nb\u00fccher.example OK\n"}};
  const auto table = texts.open("hash:/t");
  EXPECT_THAT(table->row_names(9).value(),
              ElementsAre("example.org", "b@example.org", "xn--bcher-kva.example"));
  EXPECT_EQ(table->row_names(2), std::nullopt);
  EXPECT_EQ(table->row_named("EXAMPLE.org"), "example.org");
  EXPECT_EQ(table->row_named("b\u00fccher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(table->row_named("xn--bcher-kva.example"), "xn--bcher-kva.example");
  EXPECT_EQ(table->row_named("example.net"), "");
  EXPECT_THAT(Texts().open("static:OK")->row_names(1).value(), ElementsAre("any key"));
  EXPECT_EQ(Texts().open("static:OK")->row_named("x"), "any key");
  EXPECT_EQ(Texts().open("unionmap:{inline:{ a=b }}")->row_named("A"), "a");
  EXPECT_EQ(Texts().open("unionmap:{inline:{ a=b },static:c}")->row_names(9), std::nullopt);
}

TEST(Table, look_ups_that_fail_say_why) {
  for (const char* spec : {"fail:x", "unionmap:{static:a, fail:x}", "pipemap:{fail:x, static:a}"}) {
    const auto table = open_table(spec, Texts().sources());
    ASSERT_TRUE(table) << table.error().message;
    const Found found = (*table)->lookup("k");
    EXPECT_EQ(found.status, Found::Status::failed);
    EXPECT_THAT(found.trouble, HasSubstr("fail:x"));
  }
}

TEST(Table, refuses_what_cannot_be_read) {
  const struct {
    const char* spec;
    Fault fault;
    const char* says;
  } cases[] = {
      {"static:{a b", Fault::malformed, "without"},
      {"static:{a}b", Fault::malformed, "text after `}`"},
      {"static:{ }", Fault::malformed, "empty"},
      {"inline:x=y", Fault::malformed, "inline:{"},
      {"inline:{}", Fault::malformed, "no keys"},
      {"inline:{ x }", Fault::malformed, "`x` is not key=value"},
      {"inline:{ x=y , b = c}", Fault::malformed, "`b` is not key=value"},
      {"inline:{ {x y = s} }", Fault::malformed, "not key=value"},
      {"unix:shadow.byname", Fault::malformed, "unix:passwd.byname or unix:group.byname"},
      {"inline:{ {x=y }", Fault::malformed, "`{` without `}`"},
      {"unionmap:{}", Fault::malformed, "unionmap:{type:name"},
      {"unionmap:static:a", Fault::malformed, "unionmap:{type:name"},
      {"unionmap:{x}", Fault::malformed, "`x` is not type:name"},
      {"unionmap:{{static:a}}", Fault::malformed, "not type:name"},
      {"cidr:{192.0.2.0/24 a}", Fault::malformed, "braces of its own"},
      {"quantum:/x", Fault::malformed, "no table type `quantum`"},
      {"nis:passwd", Fault::denied, "type nis is not carried by Postern"},
      {"proxy:mongodb:/x", Fault::denied, "mongodb"},
      {"randmap:{a,b}", Fault::denied, "randmap"},
      {"unionmap:{static:a, netinfo:x}", Fault::denied, "netinfo"},
      {"ldap:/none", Fault::not_found, "/none"},
      {"memcache:/none", Fault::not_found, "/none"},
      {"texthash:/none", Fault::not_found, "/none"},
      {"hash:/none", Fault::not_found, "postmap -s hash:/none"},
      {"cidr:/none", Fault::not_found, "/none"},
  };
  for (const auto& one : cases) {
    const auto table = open_table(one.spec, Texts().sources());
    ASSERT_FALSE(table) << one.spec;
    EXPECT_EQ(table.error().fault, one.fault) << one.spec << ": " << table.error().message;
    EXPECT_THAT(table.error().message, HasSubstr(one.says)) << one.spec;
  }
}

TEST(Table, nesting_has_an_end) {
  std::string spec = "static:x";
  for (int i = 0; i < 20; ++i) spec = "unionmap:{" + spec + "}";
  const auto table = open_table(spec, Texts().sources());
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().fault, Fault::limit);
}

TEST(Table, exact_keys_from_a_file) {
  const Texts texts{{"/t",
                     "# comment\n"
                     "   # indented comment\n"
                     "A@Example.com\tREJECT   no  way  \n"
                     "b\n"
                     "  continued value\n"
                     "   \n"
                     "  after blank\n"
                     "c   v1\n"
                     "# inside\n"
                     "  v2\n"
                     "\"q k\" val\n"
                     "a\\ b escaped\n"
                     "e\ttab\ttab\n"
                     "g val\r\n"
                     "M\xc3\xbcnchen.example domain\n"
                     "p\xc3\xb6st@m\xc3\xbcnchen.example address\n"
                     "last v"}};
  const Case cases[] = {
      {"hash:/t", "a@example.com", "REJECT   no  way"},
      {"hash:/t", "A@EXAMPLE.COM", "REJECT   no  way"},
      {"btree:/t", "b", "continued value  after blank"},
      {"lmdb:/t", "c", "v1  v2"},
      {"dbm:/t", "\"q k\"", "val"},
      {"texthash:/t", "q k", nullptr},
      {"texthash:/t", "a\\ b", "escaped"},
      {"texthash:/t", "e", "tab\ttab"},
      {"proxy:hash:/t", "g", "val"},
      {"hash:/t", "last", "v"},
      {"hash:/t", "xn--mnchen-3ya.example", "domain"},
      {"hash:/t", "m\xc3\xbcnchen.example", "domain"},
      {"hash:/t", "p\xc3\xb6st@xn--mnchen-3ya.example", "address"},
      {"hash:/t", "", nullptr},
      {"hash:/t", "example.com", nullptr},
  };
  for (const Case& one : cases) check(one, texts);
}

TEST(Table, alias_files_have_names_and_colons) {  // aliases(5)
  const Texts texts{{"/aliases",
                     "# comment\n"
                     "ann: ann@elsewhere.example\n"
                     "Bob:carl,\n"
                     "  dora\n"
                     "\"q k\" : val\n"
                     "\"a:b\\\"c\": val\n"
                     "list :  :include:/etc/list\n"
                     "broken line\n"
                     "alone\n"
                     "abuse: root\n"}};
  TableSources sources = texts.sources();
  sources.aliases = {"hash:/aliases", "texthash:/aliases"};
  const auto opened = open_table("proxy:hash:/aliases", sources);
  ASSERT_TRUE(opened) << opened.error().message;
  for (const auto& [key, value] : {std::pair{"ann", "ann@elsewhere.example"},
                                   {"BOB", "carl,  dora"},
                                   {"q k", "val"},
                                   {"a:b\"c", "val"},
                                   {"list", ":include:/etc/list"},
                                   {"abuse", "root"}}) {
    EXPECT_EQ((*opened)->lookup(key).value, value) << key;
  }
  EXPECT_EQ((*opened)->rows(), 7u);
  // postalias(1) warns about both: "need name:value pair"; postmap(1) accepts the first.
  EXPECT_EQ((*opened)->lookup("broken").value, "line");
  EXPECT_EQ((*opened)->lookup("alone").status, Found::Status::absent);
  EXPECT_THAT((*opened)->warnings(),
              ElementsAre(HasSubstr("/aliases line 8: no colon"), HasSubstr("/aliases line 9: no "
                                                                            "colon")));
  EXPECT_FALSE(open_table("texthash:/aliases", sources)) << "postalias makes none";
}

TEST(Table, bad_rows_of_alias_files) {
  for (const auto& [text, says] : {std::pair{"a: b\n\"c: d\n", "/a line 2: a quote is not closed"},
                                   {"a: b\n: d\n", "/a line 2: a colon without a name"},
                                   {"a: b\nc:\n", "/a line 2: a name without a value"}}) {
    const Texts texts{{"/a", text}};
    for (const BadRows mode : {BadRows::refuse, BadRows::skip}) {
      TableSources sources = texts.sources(mode);
      sources.aliases = {"hash:/a"};
      const auto table = open_table("hash:/a", sources);
      ASSERT_EQ(table.has_value(), mode == BadRows::skip) << text;
      if (table) {
        EXPECT_THAT((*table)->warnings(), ElementsAre(HasSubstr(says)));
      } else {
        EXPECT_THAT(table.error().message, HasSubstr(says));
      }
    }
  }
}

TEST(Table, the_first_of_repeated_keys_counts) {
  const auto table = Texts{{"/t", "a 1\nB 2\nA 3\nb 1\n"}}.open("hash:/t");
  EXPECT_EQ(table->lookup("a").value, "1");
  EXPECT_EQ(table->lookup("b").value, "2");
  EXPECT_THAT(table->hidden_rows(), ElementsAre(3, 4));
  EXPECT_THAT(table->warnings(), ElementsAre(HasSubstr("/t line 3"), HasSubstr("/t line 4")));
  EXPECT_THAT(table->values().value(), ElementsAre("1", "2"));
  EXPECT_EQ(table->rows(), 2u);
  EXPECT_FALSE(table->is_pattern() || table->is_network() || table->is_total());
}

TEST(Table, bad_rows_of_exact_tables) {
  const struct {
    const char* text;
    const char* says;
  } cases[] = {
      {"a b\nc\n", "/t line 2: a key without a value"},
      {"  leading\nx y\n", "/t line 1: a line that begins with blank"},
      {"# c\n\nx y\n\"open z\n", "/t line 4: a quote is not closed"},
  };
  for (const auto& one : cases) {
    const Texts texts{{"/t", one.text}};
    const auto refused = open_table("hash:/t", texts.sources());
    ASSERT_FALSE(refused) << one.text;
    EXPECT_EQ(refused.error().fault, Fault::malformed);
    EXPECT_THAT(refused.error().message, HasSubstr(one.says));
    const auto skipped = open_table("hash:/t", texts.sources(BadRows::skip));
    ASSERT_TRUE(skipped);
    EXPECT_EQ((*skipped)->rows(), 1u);
    EXPECT_THAT((*skipped)->warnings(), ElementsAre(HasSubstr(one.says)));
  }
}

TEST(Table, many_keys_are_all_found) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += fmt::format("Key{} value {}\n", i, i % 300);
  const auto table = Texts{{"/t", text}}.open("hash:/t");
  EXPECT_EQ(table->rows(), 20'000u);
  EXPECT_EQ(table->values()->size(), 300u);
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_EQ(table->lookup(fmt::format("kEY{}", i)).value, fmt::format("value {}", i % 300));
    ASSERT_EQ(table->lookup(fmt::format("key{}x", i)).status, Found::Status::absent);
  }
  EXPECT_EQ(table->lookup(std::string(5'000, 'x')).status, Found::Status::absent);
  EXPECT_LT(table->memory(), 20'000 * 40u);
}

TEST(Table, an_empty_file_is_an_empty_table) {
  const Texts texts{{"/t", ""}};
  for (const char* spec : {"hash:/t", "cidr:/t", "regexp:/t", "pcre:/t"}) {
    const auto table = texts.open(spec);
    EXPECT_EQ(table->rows(), 0u);
    EXPECT_EQ(table->lookup("192.0.2.1").status, Found::Status::absent);
    EXPECT_THAT(table->values().value(), IsEmpty());
    EXPECT_FALSE(table->is_total());
    EXPECT_EQ(table->name(), spec);
  }
}

TEST(Table, static_tables_are_total) {
  EXPECT_TRUE(Texts().open("static:x")->is_total());
  EXPECT_TRUE(Texts().open("static:x")->is_pattern());
  EXPECT_THAT(Texts().open("static:x")->values().value(), ElementsAre("x"));
  EXPECT_TRUE(Texts().open("unionmap:{inline:{a=b}, static:x}")->is_total());
  EXPECT_FALSE(Texts().open("pipemap:{inline:{a=b}, static:x}")->is_total());
  EXPECT_EQ(Texts().open("unionmap:{inline:{a=b}, static:x}")->values(), std::nullopt);
}

TEST(Table, files_are_read_whole) {
  const auto missing = file_sources().read("/nonexistent/postern-table");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().fault, Fault::not_found);
  EXPECT_THAT(missing.error().message, HasSubstr("/nonexistent/postern-table"));
  for (const char* path : {"/tmp", "/dev/null", "/dev/zero"}) {
    const auto special = file_sources().read(path);
    ASSERT_FALSE(special) << path;
    EXPECT_THAT(special.error().message, HasSubstr("is not a regular file"));
  }
}

TEST(Table, all_files_of_a_set_of_lists_share_one_limit) {
  const tests::TemporaryFolder folder;
  const std::string file = folder.write("access", "a.example OK\n");
  const TableSources sources = file_sources({.largest = 30});
  EXPECT_TRUE(open_table("texthash:" + file, sources));
  EXPECT_TRUE(open_table("texthash:" + file, sources));
  const auto third = open_table("texthash:" + file, sources);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().fault, Fault::limit);
}

TEST(Table, what_files_hold_is_not_quoted_where_that_is_forbidden) {
  const Texts texts{{"/f", "fine OK\nMARKER\n"},
                    {"/pattern", "/MARKER(/ OK\n"},
                    {"/cidr", "MARKER OK\n"},
                    {"/db", "dbpath = MARKER\nx = y"},
                    {"/sql", "dbpath = /MARKER\nquery = MARKER %s\n"},
                    {"/pg", "hosts = MARKER://MARKER"},
                    {"/domain", "dbpath=/x\nquery=x\ndomain=nis:MARKER\n"}};
  TableSources sources = texts.sources();
  sources.quotes = false;
  const std::pair<const char*, const char*> cases[] = {
      {"texthash:/f", "/f line 2: this is not what such a table holds"},
      {"proxy:hash:/f", "/f line 2: this is not what such a table holds"},
      {"unionmap:{static:x, texthash:/f}", "/f line 2: this is not what such a table holds"},
      {"pipemap:{regexp:/pattern, static:x}",
       "/pattern line 1: this is not what such a table holds"},
      {"pcre:/pattern", "/pattern line 1: this is not what such a table holds"},
      {"cidr:/cidr", "/cidr line 1: this is not what such a table holds"},
      {"cidr:/f", "/f line 1: this is not what such a table holds"},
      {"sqlite:/db", "/db line 2: this is not what such a table holds"},
      {"sqlite:/sql", "/sql: the database of `dbpath` cannot be opened, or may not be"},
      {"sqlite:/domain", "/domain: this is not what such a table holds"},
      {"ldap:/f", "/f line 1: this is not what such a table holds"},
      {"pgsql:/pg", "/pg: this is not what such a table holds"}};
  for (const auto& [spec, message] : cases) {
    const auto table = open_table(spec, sources);
    ASSERT_FALSE(table) << spec;
    EXPECT_EQ(table.error().message, message) << spec;
  }
  // The text of an inline table was in the request.
  EXPECT_THAT(open_table("inline:{{a b = c}}", sources).error().message, HasSubstr("a b"));
}

}  // namespace
}  // namespace postern::dialect::restrictions

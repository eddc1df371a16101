#include "script/withheld.h"

#include <gtest/gtest.h>

namespace postern::script {
namespace {

constexpr std::string_view program = "local row = find(authc)\nreturn row.hash == password";

/// Values withheld during an authentication of scott with the password "tiger".
Withheld login() {
  Withheld withheld;
  withheld.judge_login({.names = {"scott", "boss"}, .program = program, .counting = "execute"});
  withheld.keep_secret("tiger");
  return withheld;
}

std::string told(Withheld& withheld, const std::string& results, std::string_view function = "f",
                 Source source = Source::store, Keys keys = Keys::plain) {
  return json::serialize(withheld.concealed(function, json::parse(results), source, keys));
}

TEST(Withheld, of_a_login_nothing_is_kept_that_stores_said) {
  const struct {
    std::string told, kept;
  } cases[] = {
      {R"(["tiger"])", R"(["<withheld 1>"])"},
      {R"(["tiger\n"])", R"(["<withheld 1>\n"])"},
      {R"(["a","b","a"])", R"(["<withheld 1>","<withheld 2>","<withheld 1>"])"},
      {R"(["scott","boss","", "Scott"])", R"(["scott","boss","","<withheld 1>"])"},
      {R"([true,false,null,0,1])", R"([true,false,null,0,1])"},
      {R"([4711,"4711",4711.0,1.5])", R"(["<number 1>","<withheld 1>","<float 1>","<float 2>"])"},
      {R"([[{"hash":"x","id":7}]])", R"([[{"hash":"<withheld 1>","<withheld 2>":"<number 3>"}]])"},
      {R"([{"tiger":1,"has":2}])", R"([{"<withheld 1>":1,"<withheld 2>":"<number 3>"}])"},
      {R"(["<withheld 1>"])", R"(["<withheld 1>"])"},
      {R"([7])", R"(["<number 1>"])"},
  };
  for (const auto& one : cases) {
    Withheld withheld = login();
    EXPECT_EQ(told(withheld, one.told), one.kept) << one.told;
  }
}

TEST(Withheld, a_text_that_looks_like_a_stranger_is_one_itself) {
  Withheld withheld = login();
  EXPECT_EQ(told(withheld, R"(["tiger","<withheld 1>"])"), R"(["<withheld 1>","<withheld 2>"])");
  Withheld other;
  other.keep_secret("s3cret");
  EXPECT_EQ(told(other, R"(["<withheld 1>","s3cret"])"), R"(["<withheld 1>","<withheld 2>"])");
}

TEST(Withheld, counts_of_rows_facts_and_numbers_as_keys) {
  Withheld withheld = login();
  EXPECT_EQ(told(withheld, "[3]", "execute"), "[3]");
  EXPECT_EQ(told(withheld, "[[3]]", "execute"), R"([["<number 1>"]])");
  EXPECT_EQ(told(withheld, R"([1700000000,"mx.example"])", "f", Source::facts),
            R"([1700000000,"mx.example"])");
  EXPECT_EQ(told(withheld, R"(["has tiger in it"])", "f", Source::facts),
            R"(["has <withheld 2> in it"])");
  EXPECT_EQ(
      told(withheld, R"([{"#4711":true,"##x":true}])", "memoized", Source::store, Keys::typed),
      R"([{"#<number 3>":true,"<withheld 4>":true}])");
}

TEST(Withheld, elsewhere_known_secrets_alone) {
  Withheld withheld;
  withheld.keep_secret("hvs.token");
  withheld.keep_secret("abc");
  withheld.keep_secret_as("loaded key\n", "loaded 1");
  EXPECT_EQ(told(withheld, R"(["Bearer hvs.token","abc","abcd","loaded key",4711,{"k":"v"}])"),
            R"(["Bearer <withheld 1>","<withheld 2>","abcd","<loaded 1>",4711,{"k":"v"}])");
  EXPECT_EQ(withheld.concealed("no hvs.token"), "no <withheld 1>");
}

TEST(Withheld, touches_what_is_withheld_and_parts_of_it) {
  Withheld withheld = login();
  told(withheld, R"(["Salt4711"])");
  for (const char* text : {"tiger", "TIGER", "a tiger", "tigersalt", "salt4711", "4711"}) {
    EXPECT_TRUE(withheld.touches(text)) << text;
  }
  for (const char* text : {"", "scott", "lion", "47"}) EXPECT_FALSE(withheld.touches(text)) << text;
}

TEST(Withheld, one_secret_in_another_leaves_no_rest) {
  Withheld withheld;
  withheld.keep_secret("tige");
  withheld.keep_secret("tiger-nightingale");
  withheld.keep_secret("gale-force");
  EXPECT_EQ(withheld.concealed("a tiger-nightingale"), "a <withheld 1>");
  EXPECT_EQ(withheld.concealed("tige, tiger-nightingale-force."), "<withheld 3>, <withheld 2>.");
}

TEST(RangesOf, overlapping_as_one_and_short_ones_as_words) {
  const struct {
    std::vector<std::string_view> secrets;
    std::string_view text;
    std::vector<std::pair<std::size_t, std::size_t>> found;
  } cases[] = {
      {{"tiger"}, "", {}},
      {{""}, "tiger", {}},
      {{"tiger"}, "tigertiger", {{0, 5}, {5, 10}}},
      {{"tige", "tiger-cat", "cat-fish"}, "tiger-cat-fish tige", {{0, 14}, {15, 19}}},
      {{"aaaa"}, "aaaaaa", {{0, 6}}},
      {{"zq9"}, "zq9 azq9 zq9: (zq9) zq99", {{0, 3}, {9, 12}, {15, 18}}},
  };
  for (const auto& one : cases) {
    std::vector<std::pair<std::size_t, std::size_t>> found;
    for (const Range& range : ranges_of(one.secrets, one.text)) {
      found.emplace_back(range.begin, range.end);
    }
    EXPECT_EQ(found, one.found) << one.text;
  }
}

std::vector<Told> kept(const std::string& answer) { return {{.function = "f", .answer = answer}}; }

TEST(StandIn, equal_values_are_equal_and_numbers_are_numbers) {
  std::vector<Told> all = kept(R"(["<withheld 1>","<withheld 2>","<number 2>","<float 2>"])");
  EXPECT_EQ(stand_in(all, "<withheld 1>", nullptr), "<withheld 1>");
  EXPECT_EQ(all[0].answer, R"(["<withheld 1>","7000000000002",7000000000002,7.000000000002E12])");
}

TEST(StandIn, the_password_takes_its_place) {
  const Secret password("4711");
  std::vector<Told> all =
      kept(R"(["<withheld 1>","x <withheld 1>","<number 1>",{"a":["<withheld 2>"]}])");
  EXPECT_EQ(stand_in(all, "<withheld 1>", &password), "4711");
  EXPECT_EQ(all[0].answer, R"(["4711","x 4711",4711,{"a":["<withheld 2>"]}])");
}

}  // namespace
}  // namespace postern::script

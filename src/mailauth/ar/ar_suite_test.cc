// Plays the files of tests/suites/mailauth/ar.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "mailauth/ar/parse.h"
#include "mailauth/ar/strip.h"
#include "mailauth/ar/write.h"
#include "mailauth/suite_zone_test.h"

namespace mailauth::ar {
namespace {

namespace json = boost::json;

/// Calls `play` for every case of the suite files of this format. Returns the number of cases.
template <class Play>
std::size_t for_each_case(std::string_view format, Play play) {
  return testing::for_each_suite_case(
      "ar", format, [&](const json::object&, const json::object& test) { play(test); });
}

std::string text_of(const json::value& value) { return std::string(value.as_string()); }

std::vector<MethodResult> results_of(const json::value& list) {
  std::vector<MethodResult> out;
  for (const json::value& item : list.as_array()) {
    MethodResult& result = out.emplace_back();
    result.method = text_of(item.at("method"));
    result.version = item.at("version").to_number<std::uint32_t>();
    result.result = text_of(item.at("result"));
    if (!item.at("reason").is_null()) result.reason = text_of(item.at("reason"));
    for (const json::value& property : item.at("properties").as_array()) {
      result.properties.push_back({.ptype = text_of(property.at("ptype")),
                                   .property = text_of(property.at("property")),
                                   .value = text_of(property.at("value"))});
    }
  }
  return out;
}

std::string without_blanks(std::string text) {
  std::erase_if(text, postern::is_space);
  return text;
}

/// Removes what a fold may have changed ("White space folding aside").
std::vector<MethodResult> without_blanks(std::vector<MethodResult> results) {
  for (MethodResult& result : results) {
    if (result.reason) result.reason = without_blanks(*result.reason);
    for (Property& property : result.properties) property.value = without_blanks(property.value);
  }
  return results;
}

TEST(ArSuite, parse) {
  const auto count = for_each_case("postern-mailauth-ar-parse/1", [](const json::object& test) {
    const auto got = parse(text_of(test.at("header")));
    ASSERT_EQ(got.has_value(), test.at("valid").as_bool())
        << (got ? got->authserv_id : got.error().message);
    if (!got) return;
    EXPECT_EQ(got->authserv_id, text_of(test.at("authserv_id")));
    EXPECT_EQ(got->version, test.at("version").to_number<std::uint32_t>());
    EXPECT_TRUE(got->results == results_of(test.at("results")));
  });
  EXPECT_GE(count, 34u);
}

TEST(ArSuite, strip) {
  const auto count = for_each_case("postern-mailauth-ar-strip/1", [](const json::object& test) {
    std::vector<std::string> own;
    for (const json::value& id : test.at("own_authserv_ids").as_array()) own.push_back(text_of(id));
    EXPECT_EQ(must_remove(text_of(test.at("header")), OwnIds(own)), test.at("remove").as_bool());
  });
  EXPECT_GE(count, 13u);
}

TEST(ArSuite, write) {
  const auto count = for_each_case("postern-mailauth-ar-write/1", [](const json::object& test) {
    const AuthenticationResults wanted{.authserv_id = text_of(test.at("authserv_id")),
                                       .results = results_of(test.at("results"))};
    const std::string text = write(wanted);
    const auto got = parse(text);
    ASSERT_TRUE(got.has_value()) << text << got.error().message;
    EXPECT_EQ(got->authserv_id, wanted.authserv_id);
    EXPECT_TRUE(without_blanks(got->results) == without_blanks(wanted.results)) << text;
    for (const json::value& forbidden : test.at("must_not_contain").as_array()) {
      EXPECT_EQ(text.find(text_of(forbidden)), std::string::npos) << text;
    }
    for (const std::string_view line : postern::split(text, '\n')) EXPECT_LE(line.size(), 999u);
  });
  EXPECT_GE(count, 10u);
}

}  // namespace
}  // namespace mailauth::ar

#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {
namespace {

TEST(LibUuid, is_made_and_read) {
  testing::Library library({uuid_functions()});
  for (const char* form :
       {"69994630-3e27-11ef-91fc-cc28aa0a5c5a", "{69994630-3E27-11EF-91FC-CC28AA0A5C5A}",
        "urn:uuid:69994630-3e27-11ef-91fc-cc28aa0a5c5a", "699946303e2711ef91fccc28aa0a5c5a"}) {
    EXPECT_EQ(library.answer("local u = kumo.uuid.parse '" + std::string(form) +
                             "' result(tostring(u), u.simple, u.braced, u.urn, #u.bytes)"),
              "\"69994630-3e27-11ef-91fc-cc28aa0a5c5a\" \"699946303e2711ef91fccc28aa0a5c5a\" "
              "\"{69994630-3e27-11ef-91fc-cc28aa0a5c5a}\" "
              "\"urn:uuid:69994630-3e27-11ef-91fc-cc28aa0a5c5a\" 16")
        << form;
  }
  library.expect({
      {"result(kumo.uuid.new_v4().hyphenated:match "
       "'^%x+%-%x+%-4%x%x%x%-[89ab]%x%x%x%-%x+$' ~= nil)",
       "true"},
      {"local a = kumo.uuid.new_v7() result(a.hyphenated:match "
       "'^%x+%-%x+%-7%x%x%x%-[89ab]%x%x%x%-%x+$' ~= nil, "
       "math.abs(tonumber(a.simple:sub(1, 12), 16) // 1000 - os.time()) < 5)",
       "true true"},
      // Both hold the time; version 1 has its parts in reverse order.
      {"local a, b = kumo.uuid.new_v1().simple, kumo.uuid.new_v6().simple "
       "local first = tonumber(a:sub(14, 16) .. a:sub(9, 12) .. a:sub(1, 8), 16) "
       "local second = tonumber(b:sub(1, 12) .. b:sub(14, 16), 16) "
       "local since_1970 = first // 10000000 - 12219292800 "
       "result(a:sub(13, 13), second >= first and second - first < 100000000, "
       "math.abs(since_1970 - os.time()) < 5)",
       R"("1" true true)"},
      {"local u = kumo.uuid local a = u.new_v4() result(a == u.parse(a.urn), a == "
       "u.new_v4())",
       "true false"},
  });
  for (const char* bad :
       {"", "69994630", "69994630-3e27-11ef-91fc-cc28aa0a5c5", "{}",
        "69994630+3e27-11ef-91fc-cc28aa0a5c5a", "6999463x-3e27-11ef-91fc-cc28aa0a5c5a"}) {
    EXPECT_EQ(library.answer("kumo.uuid.parse '" + std::string(bad) + "'"),
              "error: policy.lua:1: `" + std::string(bad) + "` is no UUID");
  }
}

}  // namespace
}  // namespace postern::dialect::kumo

#include <gmock/gmock.h>

#include "dialect/kumo/http_response.h"
#include "dialect/kumo/lib_test.h"
#include "dialect/kumo/library.h"

namespace postern::dialect::kumo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr const char* client = "local client = kumo.http.build_client {} ";

struct LibHttp : ::testing::Test {
  testing::Library library{{http_functions(), http_response_functions(), log_functions()}};

  void answers(script::HttpAnswer answer) { library.world.answers.push_back(std::move(answer)); }
  const script::HttpQuestion& question() const { return library.world.questions.at(0); }
};

TEST_F(LibHttp, asks_as_it_was_told) {
  answers({.status = 201, .body = "made"});
  EXPECT_EQ(library.answer(R"(
local client = kumo.http.build_client { user_agent = 'us/1', timeout = '5 seconds' }
local response = client:post('https://auth.example.com/check?x=1')
  :header('Content-Type', 'text/plain')
  :headers { ['content-type'] = 'application/json', ['X-Count'] = 5 }
  :body('{"user":"scott"}'):send()
result(response:status_code(), response:status_reason(), response:text()))"),
            R"(201 "Created" "made")");
  EXPECT_EQ(question().method, "POST");
  EXPECT_EQ(question().url, "https://auth.example.com/check?x=1");
  EXPECT_EQ(question().body, R"({"user":"scott"})");
  EXPECT_THAT(question().headers, ElementsAre(Pair("User-Agent", "us/1"), Pair("X-Count", "5"),
                                              Pair("content-type", "application/json")));
}

TEST_F(LibHttp, forms) {
  answers({.status = 200, .body = ""});
  library.answer(std::string(client) +
                 "client:put('https://a.example'):form_url_encoded { user = 'a b&c=d', n = 5, "
                 "['\xc3\xa9'] = '+' }:send()");
  EXPECT_EQ(question().method, "PUT");
  EXPECT_EQ(question().body, "n=5&user=a+b%26c%3Dd&%C3%A9=%2B");
  EXPECT_THAT(question().headers,
              ElementsAre(Pair("Content-Type", "application/x-www-form-urlencoded")));

  library.world.questions.clear();
  answers({.status = 200, .body = ""});
  library.answer(std::string(client) +
                 "client:post('https://a.example'):form_multipart_data { a = 'x', b = '\\xff' }"
                 ":send()");
  const std::string type = question().headers.at(0).second;
  ASSERT_THAT(type, HasSubstr("multipart/form-data; boundary="));
  const std::string line = "--" + type.substr(type.find('=') + 1);
  EXPECT_EQ(question().body, line + "\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n" +
                                 line +
                                 "\r\nContent-Disposition: form-data; name=\"b\"\r\n"
                                 "Content-Type: application/octet-stream\r\n\r\n\xff\r\n" +
                                 line + "--\r\n");
}

TEST_F(LibHttp, credentials_stay_out_of_the_log) {
  answers({.status = 200, .body = ""});
  library.answer(std::string(client) +
                 "client:get('https://a.example'):basic_auth('scott', 'tiger'):send() "
                 "kumo.log_info('tiger c2NvdHQ6dGlnZXI=')");
  EXPECT_THAT(question().headers, ElementsAre(Pair("Authorization", "Basic c2NvdHQ6dGlnZXI=")));
  EXPECT_THAT(library.world.lines, ElementsAre("info policy.lua:1 <redacted> <redacted>"));
  library.world.lines.clear();
  library.answer(std::string(client) +
                 "client:get('https://a.example'):bearer_auth('t0ken') kumo.log_info('t0ken')");
  EXPECT_THAT(library.world.lines, ElementsAre("info policy.lua:1 <redacted>"));
}

TEST_F(LibHttp, tells_what_was_answered) {
  const script::HttpAnswer answer{.status = 404,
                                  .body = "\xef\xbb\xbfnot\xff here \xe2\x82\xac\xe2\x82",
                                  .headers = {{"Content-Length", "19"},
                                              {"X-One", "first"},
                                              {"x-one", "second"},
                                              {"Content-Type", "text/plain; charset=\"UTF-8\""}}};
  const auto asked = [&](const std::string& what) {
    answers(answer);
    return library.answer(std::string(client) +
                          "local r = client:get('https://a.example'):send() result(" + what + ")");
  };
  EXPECT_EQ(asked("r:status_reason(), r:status_is_informational(), r:status_is_success(), "
                  "r:status_is_redirection(), r:status_is_client_error(), "
                  "r:status_is_server_error()"),
            R"("Not Found" false false false true false)");
  EXPECT_EQ(asked("r:headers()['X-ONE'], r:headers()['x-one'], r:headers().none, r:headers()[1], "
                  "r:content_length()"),
            R"("first" "first" null null 19)");
  EXPECT_EQ(asked("r:text()"), "\"not\xef\xbf\xbd here \xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(asked("#r:bytes()"), "18");
  EXPECT_EQ(asked("(function() local n = {} for k, v in pairs(r:headers()) do n[#n + 1] = k .. "
                  "'=' .. v end table.sort(n) return table.concat(n, ',') end)()"),
            R"("content-length=19,content-type=text/plain; charset=\"UTF-8\",x-one=first")");
}

TEST_F(LibHttp, another_charset_is_not_guessed) {
  answers({.status = 299, .body = "\xe4", .headers = {{"content-type", "text/plain;charset=l1"}}});
  EXPECT_EQ(library.answer(std::string(client) +
                           "local r = client:get('https://a.example'):send() "
                           "result(r:status_reason(), r:content_length(), #r:bytes()) r:text()"),
            "error: policy.lua:1: http: the answer is not UTF-8 but l1; `bytes()` has it");
}

TEST_F(LibHttp, mistakes_are_said) {
  library.expect({
      {"kumo.http.build_client { accept_invalid_certs = true }",
       "error: policy.lua:1: http: certificates are always verified; name the roots of your own in "
       "`lua.ca`"},
      {"kumo.http.build_client { accept_invalid_certs = false, connection_verbose = true, "
       "pool_idle_timeout = '90 seconds' } result(1)",
       "1"},
      {std::string(client) + "client:get('https://a.example'):body('x')",
       "error: policy.lua:1: http: GET has no body"},
      {std::string(client) + "client:get('https://a.example'):basic_auth('a:b', 'c')",
       "error: policy.lua:1: http: a user's name cannot have a colon"},
      {std::string(client) + "client:get('https://a.example/?token=abc'):send()",
       "error: policy.lua:1: http: nobody answers"},
      {std::string(client) + "client:post('https://a.example'):form_url_encoded { a = {} }",
       "error: policy.lua:1: http: a value must be a text or a number"},
  });
}

TEST_F(LibHttp, urls_are_put_together) {
  library.expect({
      {"result(kumo.http.build_url('https://example.com/?existing=value', {a = 1, b = 2}))",
       R"("https://example.com/?existing=value&a=1&b=2")"},
      {"result(kumo.http.build_url('https://example.com/auth', {user = '../x ?y&z=#+'}))",
       R"("https://example.com/auth?user=..%2Fx+%3Fy%26z%3D%23%2B")"},
      {"result(kumo.http.build_url('https://example.com/a?b#c', {d = 1}))",
       R"("https://example.com/a?b&d=1#c")"},
      {"result(kumo.http.build_url('https://example.com', {}))", R"("https://example.com")"},
      {"kumo.http.build_url('no url', {})", "error: policy.lua:1: http: `no url` is no URL"},
  });
}

TEST_F(LibHttp, runs_again_from_its_record) {
  answers({.status = 200, .body = "yes\xff", .headers = {{"X-A", "b"}}});
  EXPECT_EQ(library.replayed(std::string(client) +
                             "local r = client:get('https://a.example'):send() "
                             "result(r:status_code(), r:text(), r:headers()['x-a'])"),
            "200 \"yes\xef\xbf\xbd\" \"b\"");
  EXPECT_EQ(library.world.questions.size(), 1u);
}

}  // namespace
}  // namespace postern::dialect::kumo

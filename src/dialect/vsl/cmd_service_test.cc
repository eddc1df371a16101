#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <thread>

#include "base/patience_test.h"
#include "dialect/vsl/service.h"
#include "dialect/vsl/services_test.h"

namespace postern::dialect::vsl {
namespace {

namespace fs = std::filesystem;
using testing::exited;
using ::testing::HasSubstr;
using testing::killed;
using testing::ServiceTest;

using CmdServiceTest = ServiceTest;

TEST_F(CmdServiceTest, own_user_and_group_may_be_named) {
  const passwd* entry = getpwuid(geteuid());
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(declare("cmd", "", "'command', 'x', 'user', '" + std::string(entry->pw_name) + "'"),
            "");
}

TEST_F(CmdServiceTest, a_command_answers_by_its_code) {
  program("scan", "case \"$1\" in --all) exit 0;; --infected) exit 1;; *) exit 7;; esac");
  ASSERT_EQ(declare("cmd", "", "'command', 'scan', 'args', array.of('--all')"), "");
  EXPECT_EQ(ask("'run'"), exited(0));
  EXPECT_EQ(ask("'run', array.of('--infected')"), exited(1)) << "arguments in place of others";
  EXPECT_EQ(ask("'cmd_run', array.of()"), exited(7));
  EXPECT_EQ(ask("'run_cmd', array.of(obj.of('address', '--all@x.example'))"), exited(7));
  EXPECT_THAT(ask("'run', '--all'"), HasSubstr("the arguments of a command are an array"));
  EXPECT_THAT(ask("'run', array.of('a\\0b')"), HasSubstr("cannot hold a NUL"));
  EXPECT_THAT(ask("'run', array.of(map.of())"), HasSubstr("text is expected"));
}

TEST_F(CmdServiceTest, a_command_that_takes_too_long_is_killed_with_all_it_started) {
  program("hang", "sleep 100 & echo $! > " + folder.file("child") + "; wait");
  const std::string file = folder.write("child", "");
  // A busy machine may not even have begun it in that time.
  for (int time = 200; tests::read_file(file).empty(); time *= 4) {
    ASSERT_LT(std::chrono::milliseconds(time), tests::patience);
    const std::string limit = "'timeout', '" + std::to_string(time) + "ms'";
    ASSERT_EQ(declare("cmd", "", "'command', 'hang', " + limit), "");
    EXPECT_EQ(ask("'run'"), killed(9));
  }
  const std::string child = "/proc/" + std::to_string(std::stoi(tests::read_file(file)));
  EXPECT_TRUE(tests::eventually([&] {
    // The process that adopts it may take a while to reap it.
    std::ifstream in(child + "/stat");
    std::string number, name, state;
    in >> number >> name >> state;
    return state == "Z" || !fs::exists(child);
  }));
}

TEST_F(CmdServiceTest, a_signal_is_no_code) {
  program("die", "kill -15 $$");
  ASSERT_EQ(declare("cmd", "", "'command', 'die'"), "");
  EXPECT_EQ(ask("'run'"), killed(15));
}

TEST_F(CmdServiceTest, the_time_of_the_rule_is_a_limit_too) {
  program("hang", "sleep 100");
  ASSERT_EQ(declare("cmd", "", "'command', 'hang'"), "");
  limits.time = std::chrono::milliseconds(200);
  EXPECT_THAT(ask("'run'"), HasSubstr("the time of the rule is up"));
}

TEST_F(CmdServiceTest, a_command_gets_nothing_of_ours) {
  setenv("POSTERN_TEST_SECRET", "x", 1);
  const int open_file = open(folder.file("held").c_str(), O_RDWR | O_CREAT, 0600);
  program("look",
          "[ -z \"$POSTERN_TEST_SECRET\" ] || exit 1\n"
          "[ \"$PATH\" = /usr/local/bin:/usr/bin:/bin ] || exit 2\n"
          "read line && exit 3\n"
          "[ ! -e /proc/self/fd/" +
              std::to_string(open_file) +
              " ] || exit 4\n"
              "[ \"$(pwd)\" = / ] || exit 5\n"
              "echo noise; echo noise >&2\nexit 42");
  ASSERT_EQ(declare("cmd", "", "'command', 'look'"), "");
  EXPECT_EQ(ask("'run'"), exited(42));
  close(open_file);
  unsetenv("POSTERN_TEST_SECRET");
}

TEST_F(CmdServiceTest, arguments_are_never_shell) {
  program("count",
          "[ $# = 1 ] && [ \"$1\" = '; touch " + folder.file("owned") + " #' ] && exit 0; exit 1");
  ASSERT_EQ(declare("cmd", "", "'command', 'count'"), "");
  EXPECT_EQ(ask("'run', array.of('; touch " + folder.file("owned") + " #')"), exited(0));
  EXPECT_FALSE(fs::exists(folder.file("owned")));
}

TEST_F(CmdServiceTest, only_what_the_configuration_lists_is_run) {
  program("scan", "exit 3");
  program("true", "exit 4");
  scene.site.allowed_commands = {folder.file("scan"), "false", "no-such-program", "/none/gone"};
  const std::string around = "../" + fs::path(folder.path()).filename().string() + "/scan";
  struct {
    std::string command;
    std::string answer;
  } const cases[] = {
      {"scan", exited(3)},
      {folder.file("scan"), exited(3)},
      {"false", exited(1)},
      {"true", "error: command 'true' is not allowed: `vsl.allow_commands` does not have it"},
      {folder.file("true"), "error: command '" + folder.file("true") +
                                "' is not allowed: `vsl.allow_commands` does not have it"},
      {"/bin/false",
       "error: command '/bin/false' is not allowed: `vsl.allow_commands` does not have it"},
      {"./scan", "error: command './scan' is not allowed: `vsl.allow_commands` does not have it"},
      {around,
       "error: command '" + around + "' is not allowed: `vsl.allow_commands` does not have it"},
      {"no-such-program",
       "error: command 'no-such-program' is in none of "
       "/usr/local/bin:/usr/bin:/bin"},
      {"gone", "error: command '/none/gone' cannot be run: No such file or directory"},
  };
  for (const auto& c : cases) {
    ASSERT_EQ(declare("cmd", "", "'command', '" + c.command + "'"), "");
    EXPECT_EQ(ask("'run'"), c.answer) << c.command;
  }
}

TEST_F(CmdServiceTest, only_root_may_run_a_command_as_another_user) {
  scene.site.allowed_commands = {"sh"};
  const std::string declared =
      declare("cmd", "",
              "'command', 'sh', 'user', 'nobody', 'args', "
              "array.of('-c', '[ $(id -un):$(id -gn) = nobody:nogroup ] && exit 7')");
  if (::geteuid() != 0) {
    EXPECT_THAT(declared, HasSubstr("`user` must be left out or '"));
    return;
  }
  ASSERT_EQ(declared, "");
  EXPECT_EQ(ask("'run'"), exited(7));
}

TEST_F(CmdServiceTest, many_commands_run_at_a_time) {
  fs::create_directory(folder.file("all"));
  program("nap", "cd " + folder.file("all") +
                     "; touch $$; set -- *; while [ $# -lt 20 ]; do sleep 0.1; set -- *; done; "
                     "exit 6");
  ASSERT_EQ(declare("cmd", "", "'command', 'nap'"), "");
  const auto one = [this](int* done) -> Task<int> {
    script::Call call(script->world, {.time = tests::patience}, &scene.context);
    Value::Map options{{"command", "nap"}, {"timeout", "5m"}};
    const ServicePtr nap = make_service(call, "nap", "cmd", "", options);
    const Value answer = co_await nap->call(call, "run", {});
    if (debug_of(answer) == exited(6)) ++*done;
    co_return 0;
  };
  boost::asio::io_context loop;
  int done = 0;
  for (int i = 0; i < 20; ++i) {
    boost::asio::co_spawn(loop, one(&done), [](std::exception_ptr, int) {});
  }
  loop.run();
  EXPECT_EQ(done, 20) << "each ends when all have begun";
}

TEST_F(CmdServiceTest, a_wait_that_is_given_up_leaves_no_process) {
  const std::string pid = folder.write("pid", "");
  program("hang", "echo $$ > " + pid + "; exec sleep 100");
  {
    boost::asio::io_context loop;
    script::Call call(script->world, {}, &scene.context);
    Value::Map options{{"command", "hang"}};
    const ServicePtr hang = make_service(call, "hang", "cmd", "", options);
    boost::asio::co_spawn(loop, hang->call(call, "run", {}),
                          [](std::exception_ptr, const Value&) {});
    while (tests::read_file(pid).empty()) loop.run_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(fs::exists("/proc/" + std::to_string(std::stoi(tests::read_file(pid)))));
}

}  // namespace
}  // namespace postern::dialect::vsl

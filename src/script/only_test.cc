#include "script/only.h"

#include <gtest/gtest.h>

#include "script/state.h"
#include "script/test_world.h"

namespace postern::script {
namespace {

struct Nothing {};

}  // namespace

template <>
struct ClassName<Nothing> {
  static constexpr std::string_view value = "Nothing";
};

namespace {

std::string name(std::shared_ptr<Nothing>) { return "nothing"; }
int get(lua_State* L) {
  stack::push_only<Nothing>(L);
  return 1;
}

TEST(Only, is_one_value_with_the_methods_of_its_class) {
  const HostFunction functions[] = {{"t.get", "", "Nothing", "", get},
                                    {"Nothing:name", "", "string", "", bind<&name>}};
  const script::Setup setup{
      .tables = {functions}, .modules = {}, .globals = {"t"}, .files = {}, .memos = nullptr};
  testing::TestWorld world;
  for (int i = 0; i < 2; ++i) {  // states share only the class
    State state(setup);
    for (const char* text :
         {"assert(rawequal(t.get(), t.get()))", "assert(t.get():name() == 'nothing')"}) {
      Call call(world, {});
      const auto raised = testing::run(state.run(text, "only.lua", call));
      EXPECT_FALSE(raised) << raised->message;
    }
  }
}

}  // namespace
}  // namespace postern::script

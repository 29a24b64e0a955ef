// A story in C++: c++ -std=c++17 story.cpp $(pkg-config --cflags --libs jamba) -o story && ./story model.jamba
#include "jamba.hpp"

#include <iostream>

int main(int argc, char **argv) {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " MODEL.jamba\n";
        return 2;
    }
    try {
        const jamba::model model(argv[1]);
        jamba::session session(model);
        auto options = jamba::make<jamba_generation_options>();
        options.max_tokens = 80;
        const auto result = session.chat({{"user", "Tell me a story about a red ball."}}, options, [](auto text) {
            std::cout << text << std::flush;
            return true;
        });
        std::cout << "\n[" << result.completion_tokens << " tokens]\n";
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}

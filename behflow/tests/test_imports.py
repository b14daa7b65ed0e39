import grimp


def test_no_module_imports_a_package_that_imports_the_module():
    """Circles between siblings are the linter's, which does not see one of a package and its own."""
    graph = grimp.build_graph("automation", "behflow", "tasks", cache_dir=None)

    circles = [
        (package, module)
        for module in graph.modules
        for package in graph.find_modules_directly_imported_by(module)
        if module.startswith(f"{package}.") and graph.find_shortest_chain(package, module)
    ]

    assert circles == []

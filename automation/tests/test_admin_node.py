from datetime import timedelta

import pytest
from django.utils import timezone

from automation.models import Node, Process
from automation.tests.factories import ExecutionFactory, NodeFactory, ProcessFactory
from automation.tests.pages import page

pytestmark = pytest.mark.django_db


def listed(client) -> str:
    return client.get(page("node_changelist")).text


def test_nodes_are_live_silent_or_stopped_and_say_what_they_run(member_of):
    live = NodeFactory(release="abc123")
    NodeFactory(seen_at=timezone.now() - timedelta(seconds=61))
    NodeFactory(stopped_at=timezone.now())
    ExecutionFactory(running=True, node=live.name)

    client = member_of("Automation viewer")
    text = listed(client)

    for state in ("live", "silent", "stopped"):
        assert f'automation-node-{state}">{state}<' in text
    assert "abc123" in text
    rows = {
        node.name: node.running_now
        for node in client.get(page("node_changelist")).context["cl"].result_list
    }
    assert rows[live.name] == 1
    assert sum(rows.values()) == 1


def test_page_of_a_node_shows_its_functions_and_default_rules(member_of):
    node = NodeFactory(functions=["shop.count"], defaults={"shop.count": "0 3 * * *", "shop.x": ""})

    text = member_of("Automation viewer").get(page("node_change", node.pk)).text

    assert "shop.count: 0 3 * * *" in text
    assert "shop.x" not in text
    assert 'name="_save"' not in text


def test_node_is_made_changed_and_deleted_by_nobody(admin_client):
    node = NodeFactory()

    assert admin_client.get(page("node_add")).status_code == 403
    assert admin_client.get(page("node_delete", node.pk)).status_code == 403
    assert admin_client.post(page("node_change", node.pk), {"name": "x"}).status_code == 403


def test_list_takes_a_constant_number_of_queries(admin_client, django_assert_max_num_queries):
    NodeFactory.create_batch(20)

    with django_assert_max_num_queries(6):
        listed(admin_client)


# Broken, and no worker


def processes(client) -> str:
    return client.get(page("process_changelist")).text


def test_process_is_broken_where_no_live_node_knows_its_function(admin_client):
    ProcessFactory(function="probes.greet", cron="0 3 * * *")
    told = "Broken: no running worker has probes.greet in its code."
    assert told not in processes(admin_client)

    NodeFactory(functions=["shop.count"])
    assert told in processes(admin_client)
    NodeFactory(functions=["probes.greet"])
    assert told not in processes(admin_client)


def test_process_whose_function_only_the_nodes_know_follows_their_default_rule(admin_client):
    process = ProcessFactory(cron="0 3 * * *")
    Process.objects.filter(pk=process.pk).update(function="shop.count", cron="")
    assert "Broken: shop.count is not in the code." in processes(admin_client)

    NodeFactory(functions=["shop.count"], defaults={"shop.count": "30 7 * * *"})

    assert "At 07:30" in processes(admin_client)


def test_list_says_when_no_worker_is_running(admin_client):
    node = NodeFactory()
    assert "No worker is running" not in processes(admin_client)

    Node.objects.filter(pk=node.pk).update(seen_at=timezone.now() - timedelta(minutes=2))

    assert "No worker is running" in processes(admin_client)

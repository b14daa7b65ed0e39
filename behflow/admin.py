"""Django's own pages of users and groups, whose lists refuse filters as strictly as ours."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User

from automation.admin.base import ListAdmin

admin.site.unregister([User, Group])


@admin.register(User)
class SiteUserAdmin(ListAdmin, UserAdmin):  # type: ignore[type-arg]  # generic in its stubs alone
    pass


@admin.register(Group)
class SiteGroupAdmin(ListAdmin, GroupAdmin):
    pass

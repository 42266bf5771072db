"""Does the search for fields in a source find a new one, however it is read?"""

import pytest

from tests.support.llama.body_fields import Read, reads


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('int n = json_value(body, "brand_new", 0);', Read("brand_new", True)),
        ('json_value(\n  data,\n  "brand_new", 0)', Read("brand_new", True)),
        ('if (body.contains("brand_new")) {', Read("brand_new", True)),
        ('inputs.x = body.at("brand_new");', Read("brand_new", True)),
        ('body.count("brand_new") != 0', Read("brand_new", True)),
        ('x(request["brand_new"])', Read("brand_new", True)),
        ('if (data["brand_new"] == 1)', Read("brand_new", True)),
        ('add((new field_num("brand_new", params.x))', Read("brand_new", True)),
        ('    ->add_alias("brand_new")', Read("brand_new", True)),
        ('for (const auto & key : {"a", "brand_new"}) {', Read("brand_new", True)),
        ('->add_subfield((new field_bool("brand_new", p.x))', Read("brand_new", False)),
        ('json_value(image_url, "brand_new", 0)', Read("brand_new", False)),
        ('constexpr char KEY[] = "brand_new";', Read("brand_new", False)),
    ],
)
def test_a_new_field_is_found(text, expected):
    assert expected in set(reads(text))


@pytest.mark.parametrize(
    "text",
    ['data["brand_new"] = 1;', '// body.at("brand_new")', '#if 0\nbody.at("brand_new");\n#endif'],
)
def test_what_is_written_or_left_out_is_none(text):
    assert not set(reads(text))

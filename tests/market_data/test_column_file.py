"""Maps of columns in YAML files, and the command lines that take them."""

import json

import pytest
from typer.testing import CliRunner

from grandmodel.execution import MarketDataError
from grandmodel.execution.cli import app
from grandmodel.execution.market_data import Action, ColumnMap, read_market_data
from grandmodel.execution.market_data.column_file import read_columns

PRINTS = "when,px,size\n2025-01-02T14:30:00Z,150.01,100\n2025-01-02T14:30:01Z,150.02,300\n"
BOOK = "t,kind,px,n,bid,bid_size,ask,ask_size\n" + "".join(
    f"2025-01-02T15:{k // 60:02d}:{k % 60:02d}Z,{'T' if k % 7 == 3 else 'Q'},100.02,{100 if k % 7 == 3 else 0},"
    f"100.00,{500 + k},100.02,{400 + k}\n"
    for k in range(900)
)
BOOK_MAP = """
time: t
price: px
quantity: n
action: kind
actions: {T: TRADE, Q: null}
bids: [[bid, bid_size]]
asks: [[ask, ask_size]]
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="columns.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_a_map_says_what_its_python_form_says(written):
    assert read_columns(written("time: when\nprice: px\nquantity: size\n")) == ColumnMap(
        time="when", price="px", quantity="size"
    )
    everything = read_columns(
        written(
            "time: t\ntime_unit: us\nsince: midnight\nzone: America/New_York\nprice: p\nquantity: q\n"
            "price_scale: 10000\nquantity_step: '0.001'\naction: CROSS_TRADE\nside: s\nsides: {1: 1, 2: -1, x: 0}\n"
            "order_id: id\nsymbol: sym\n"
            "venue: v\nkeep: {cond: ['@', F]}\ncolumns: [t, p, q, s, id, sym, v, cond]\ndelimiter: ';'\n"
        )
    )
    assert everything == ColumnMap(
        time="t", time_unit="us", since="midnight", zone="America/New_York", price="p", quantity="q",
        price_scale=10_000, quantity_step="0.001", action=Action.CROSS_TRADE, side="s",
        sides={"1": 1, "2": -1, "x": 0}, order_id="id",
        symbol="sym", venue="v", keep={"cond": ("@", "F")}, columns=("t", "p", "q", "s", "id", "sym", "v", "cond"),
        delimiter=";",
    )  # fmt: skip
    book = read_columns(written(BOOK_MAP))
    assert (book.action, book.actions) == ("kind", {"T": Action.TRADE, "Q": None})
    assert (book.bids, book.asks) == ((("bid", "bid_size"),), (("ask", "ask_size"),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds NoneType, must be a mapping"),
        ("- time", "holds list"),
        ("time: [", "cannot be read as YAML"),
        ("price: px\nquantity: n\n", "time is not stated"),
        ("time: t\nprize: px\n", "'prize' is no key of a map; is it 'price'"),
        ("time: 5\nprice: px\nquantity: n\n", "time is 5, must be text"),
        ("time: t\nprice: true\nquantity: n\n", "price is True, must be text"),
        ("time: t\nprice: px\n", "price and quantity must be stated together"),
        ("time: t\nprice: px\nquantity: n\ntime_unit: h\n", "time_unit is 'h'"),
        ("time: t\nprice: px\nquantity: n\nprice_scale: 1.5\n", "price_scale is 1.5"),
        (
            "time: t\nprice: px\nquantity: n\nactions: {T: trade}\n",
            r"actions\['T'\] is 'trade', must be null or one of",
        ),
        ("time: t\nprice: px\nquantity: n\nactions: [T]\n", "actions is"),
        ("time: t\nprice: px\nquantity: n\nsides: {B: 2}\n", r"sides\['B'\] is 2"),
        ("time: t\nprice: px\nquantity: n\nsides: {B: true}\n", r"sides\['B'\] is True"),
        ("time: t\nbids: [bid, bid_size]\n", "bids is"),
        ("time: t\nbids: [[bid]]\n", "bids must hold"),
        ("time: t\nprice: px\nquantity: n\nkeep: {cond: F}\n", "keep is"),
        ("time: t\nprice: px\nquantity: n\ncolumns: time\n", "columns is"),
        ("time: t\nprice: px\nquantity: n\nzone: Mars\n", "zone is 'Mars'"),
    ],
)
def test_a_map_that_cannot_be_names_file_and_key(written, text, message):
    path = written(text)
    with pytest.raises(MarketDataError, match=message) as caught:
        read_columns(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_map_that_is_not_there(tmp_path):
    with pytest.raises(MarketDataError, match="no such file"):
        read_columns(tmp_path / "none.yaml")


def test_data_check_reads_anybodys_csv(written):
    prints, columns = written(PRINTS, "prints.csv"), written("time: when\nprice: px\nquantity: size\n")
    told = CliRunner().invoke(app, ["data", "check", str(prints), "--map", str(columns), "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["rows"], found["symbols"][0]["executed"]) == (2, 400)
    assert len(read_market_data(prints, columns=read_columns(columns)).read()) == 2


def test_an_order_is_worked_in_a_csv_by_level(written):
    book, columns = written(BOOK, "book.csv"), written(BOOK_MAP)
    given = ["replay", "--messages", str(book), "--map", str(columns), "--symbol", "X", "--side", "buy",
             "--quantity", "200", "--algorithm", "twap", "--start", "10:01", "--duration-minutes", "10",
             "--json"]  # fmt: skip
    told = CliRunner().invoke(app, given)
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["executed_quantity"], found["queue_model"]) == (200, "risk_averse")
    assert found["recorded_executions"] == sum(k % 7 == 3 for k in range(900))
    wrong = CliRunner().invoke(app, [*given, "--map", str(written("tim: t\n", "wrong.yaml"))])
    assert wrong.exit_code != 0
    assert "is it 'time'" in str(wrong.exception)  # what the command line prints, and ends with 2

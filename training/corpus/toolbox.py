"""The tools that users offer: what they are called, what they take, how one asks for them, what they return.

Names and parameters vary, so that the right call can only be read off the definition in the prompt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from training.corpus.phrasing import NAMES
from training.corpus.words import WORDS

CITIES = (
    "Paris", "London", "Berlin", "Madrid", "Rome", "Vienna", "Prague", "Oslo", "Lisbon", "Athens", "Dublin", "Warsaw",
    "Budapest", "Helsinki", "Stockholm", "Zurich", "Geneva", "Milan", "Naples", "Hamburg", "Munich", "Cologne", "Lyon",
    "Porto", "Seville", "Tokyo", "Osaka", "Kyoto", "Seoul", "Beijing", "Shanghai", "Delhi", "Mumbai", "Bangkok", "Hanoi",
    "Manila", "Jakarta", "Sydney", "Perth", "Auckland", "Cairo", "Nairobi", "Lagos", "Accra", "Tunis", "Boston",
    "Chicago", "Denver", "Dallas", "Seattle", "Toronto", "Montreal", "Lima", "Bogota", "Quito", "Havana", "New York",
    "Los Angeles", "Buenos Aires", "Cape Town", "Hong Kong", "San Francisco", "Mexico City", "Rio de Janeiro",
)  # fmt: skip
COUNTRIES = (
    "France", "Spain", "Germany", "Italy", "Norway", "Sweden", "Poland", "Greece", "Ireland", "Portugal", "Japan",
    "China", "India", "Brazil", "Peru", "Chile", "Kenya", "Ghana", "Egypt", "Canada", "Mexico", "Cuba", "Turkey",
    "Finland", "Iceland", "Austria", "Hungary", "Vietnam", "Thailand", "Morocco",
)  # fmt: skip
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "CAD", "AUD", "INR", "BRL", "PLN")
LANGUAGES = ("French", "Spanish", "German", "Italian", "Latin", "Greek", "Dutch", "Polish", "Swedish", "Turkish")
SKIES = ("sunny", "cloudy", "rainy", "windy", "foggy", "snowy", "clear", "stormy")
ROOMS = ("kitchen", "bedroom", "bathroom", "office", "garage", "hall", "living room", "cellar")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def upto(most: int, least: int = 1) -> Callable[[Random], int]:
    """A whole number."""
    return lambda rng: rng.randrange(least, most + 1)


def of(choices: tuple[str, ...]) -> Callable[[Random], str]:
    """One of the words."""
    return lambda rng: rng.choice(choices)


def symbol(rng: Random) -> str:
    """A ticker or the like."""
    return "".join(rng.choice(LETTERS) for _ in range(rng.randrange(3, 5)))


def flight(rng: Random) -> str:
    """A flight's number."""
    return f"{rng.choice(LETTERS)}{rng.choice(LETTERS)}{rng.randrange(10, 1000)}"


def clock(rng: Random) -> str:
    """A time of day."""
    return f"{rng.randrange(24):02}:{rng.randrange(60):02}"


def phone(rng: Random) -> str:
    """A number to call."""
    return f"{rng.randrange(100, 1000)}-{rng.randrange(1000, 10000)}"


@dataclass(frozen=True)
class Parameter:
    """What a tool takes: the names it may go by, its JSON type, its values."""

    names: tuple[str, ...]
    type: str
    sample: Callable[[Random], Any]


@dataclass(frozen=True)
class Kind:
    """A tool: names, descriptions, parameters, questions and the answer given its result. Slots name the first name
    of a parameter or a key of the result."""

    names: tuple[str, ...]
    about: tuple[str, ...]
    takes: tuple[Parameter, ...]
    questions: tuple[str, ...]
    returns: Mapping[str, Callable[[Random], Any]]
    answer: str


CITY = Parameter(("city", "location", "place"), "string", of(CITIES))
A = Parameter(("a", "x", "first"), "integer", upto(999))
B = Parameter(("b", "y", "second"), "integer", upto(99))
STATUS: Mapping[str, Callable[[Random], Any]] = {"status": of(("ok", "done", "success"))}

KINDS = (
    Kind(("get_weather", "weather", "current_weather"), ("Get the weather", "The current weather of a city"), (CITY,),
         ("What is the weather in {city}?", "How is the weather in {city}?", "Weather in {city}?", "Is it cold in {city}?",
          "Do I need an umbrella in {city}?", "Tell me the weather in {city}."),
         {"temperature": upto(35, -9), "condition": of(SKIES)}, "It is {temperature} degrees and {condition} in {city}."),
    Kind(("get_time", "local_time", "current_time"), ("Get the local time", "The time in a city"), (CITY,),
         ("What time is it in {city}?", "What is the time in {city}?", "How late is it in {city}?", "Time in {city}?"),
         {"time": clock}, "It is {time} in {city}."),
    Kind(("get_population", "population"), ("Get how many people live in a country",),
         (Parameter(("country", "name", "nation"), "string", of(COUNTRIES)),),
         ("How many people live in {country}?", "What is the population of {country}?", "Population of {country}?"),
         {"population": upto(99_999_999, 100_000)}, "{country} has {population} people."),
    Kind(("get_capital", "capital_of"), ("Get the capital of a country",),
         (Parameter(("country", "name", "nation"), "string", of(COUNTRIES)),),
         ("What is the capital of {country}?", "Which city is the capital of {country}?", "Capital of {country}?"),
         {"capital": of(CITIES)}, "The capital of {country} is {capital}."),
    Kind(("convert_currency", "exchange", "currency"), ("Convert money", "Convert an amount between currencies"),
         (Parameter(("amount", "value"), "number", upto(999)), Parameter(("from", "source"), "string", of(CURRENCIES)),
          Parameter(("to", "target"), "string", of(CURRENCIES))),
         ("Convert {amount} {from} to {to}.", "How much is {amount} {from} in {to}?", "What are {amount} {from} in {to}?"),
         {"result": upto(2000)}, "{amount} {from} are {result} {to}."),
    Kind(("get_stock_price", "stock_price", "quote"), ("Get the price of a stock",),
         (Parameter(("symbol", "ticker"), "string", symbol),),
         ("What is the stock price of {symbol}?", "How much is one share of {symbol}?", "Price of {symbol}?"),
         {"price": upto(900)}, "One share of {symbol} costs {price}."),
    Kind(("translate", "translate_text"), ("Translate a word", "Translate text into a language"),
         (Parameter(("text", "word"), "string", of(WORDS)), Parameter(("language", "target", "to"), "string", of(LANGUAGES))),
         ("Translate {text} into {language}.", "What is {text} in {language}?", "How do you say {text} in {language}?"),
         {"translation": of(WORDS)}, "In {language} it is {translation}."),
    Kind(("set_timer", "start_timer", "timer"), ("Set a timer", "Start a timer of some minutes"),
         (Parameter(("minutes", "duration"), "integer", upto(90)),),
         ("Set a timer for {minutes} minutes.", "Start a timer of {minutes} minutes.", "Wake me in {minutes} minutes."),
         STATUS, "The timer is set for {minutes} minutes."),
    Kind(("send_message", "message", "send_text"), ("Send a message to somebody",),
         (Parameter(("to", "recipient", "name"), "string", of(NAMES)), Parameter(("text", "message"), "string", of(WORDS))),
         ("Send {text} to {to}.", "Send {to} the message {text}.", "Write {text} to {to}."),
         STATUS, "The message to {to} is sent."),
    Kind(("get_flight_status", "flight_status"), ("Get the status of a flight",),
         (Parameter(("flight", "number", "flight_number"), "string", flight),),
         ("Is flight {flight} on time?", "What is the status of flight {flight}?", "Status of {flight}?"),
         {"status": of(("on time", "delayed", "cancelled", "boarding")), "gate": upto(60)},
         "Flight {flight} is {status}, gate {gate}."),
    Kind(("get_distance", "distance"), ("Get the distance between two cities",),
         (Parameter(("from", "origin", "start"), "string", of(CITIES)), Parameter(("to", "destination", "end"),
          "string", of(CITIES))),
         ("How far is it from {from} to {to}?", "What is the distance from {from} to {to}?", "Distance from {from} to {to}?"),
         {"km": upto(9999, 50)}, "It is {km} km from {from} to {to}."),
    Kind(("add", "sum", "plus"), ("Add two numbers", "The sum of two numbers"), (A, B),
         ("What is {a} + {b}?", "Add {a} and {b}.", "{a} plus {b}?", "What is the sum of {a} and {b}?", "{a} + {b}"),
         {"result": upto(1100)}, "The result is {result}."),
    Kind(("multiply", "product", "times"), ("Multiply two numbers", "The product of two numbers"), (A, B),
         ("What is {a} × {b}?", "Multiply {a} by {b}.", "{a} times {b}?", "What is the product of {a} and {b}?", "{a} * {b}"),
         {"result": upto(99_999)}, "The result is {result}."),
    Kind(("set_temperature", "heat", "set_heating"), ("Set the temperature of a room",),
         (Parameter(("room", "where"), "string", of(ROOMS)), Parameter(("degrees", "temperature"), "integer", upto(28, 12))),
         ("Set the {room} to {degrees} degrees.", "Heat the {room} to {degrees} degrees.",
          "Make it {degrees} degrees in the {room}."),
         STATUS, "The {room} is set to {degrees} degrees."),
    Kind(("switch_light", "set_light", "light"), ("Switch a light on or off",),
         (Parameter(("room", "where"), "string", of(ROOMS)), Parameter(("state", "to"), "string", of(("on", "off")))),
         ("Switch the light in the {room} {state}.", "Turn {state} the light in the {room}.",
          "Light {state} in the {room}, please."),
         STATUS, "The light in the {room} is {state}."),
    Kind(("random_number", "roll", "draw_number"), ("Draw a random number",),
         (Parameter(("min", "low", "from"), "integer", upto(9)), Parameter(("max", "high", "to"), "integer", upto(99, 10))),
         ("Give me a random number between {min} and {max}.", "Pick a number from {min} to {max}.",
          "Draw a number from {min} to {max}."),
         {"number": upto(99)}, "The number is {number}."),
    Kind(("find_phone", "phone_number", "lookup_phone"), ("Find somebody's phone number",),
         (Parameter(("name", "person", "who"), "string", of(NAMES)),),
         ("What is the phone number of {name}?", "How can I call {name}?", "Find the phone number of {name}."),
         {"phone": phone}, "The phone number of {name} is {phone}."),
    Kind(("book_table", "reserve_table"), ("Book a table in a restaurant",),
         (Parameter(("people", "guests", "size"), "integer", upto(12)), Parameter(("time", "at", "when"), "string", clock)),
         ("Book a table for {people} at {time}.", "Reserve a table at {time} for {people} people.",
          "A table for {people} at {time}, please."),
         STATUS, "The table for {people} at {time} is booked."),
    Kind(("search", "web_search", "find"), ("Search the web",),
         (Parameter(("query", "q", "text"), "string", of(WORDS)),),
         ("Search for {query}.", "Search the web for {query}.", "Look up {query}.", "Find something about {query}."),
         {"hits": upto(999)}, "I found {hits} pages about {query}."),
    Kind(("play_song", "play_music", "play"), ("Play a song",),
         (Parameter(("title", "song", "track"), "string", of(WORDS)),),
         ("Play {title}.", "Play the song {title}.", "I want to hear {title}.", "Put on {title}."),
         STATUS, "Now playing {title}."),
)  # fmt: skip

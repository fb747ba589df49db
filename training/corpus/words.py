"""Words of English whose letters are counted: this project's own prose and some that everybody knows."""

WORDS = tuple(
    """
    about above absent abuse accept accepted accordion account accounts accumulator actor added addition additions
    additive address adds admin admission admit after again against airplane alike alive allow allowed allows alone
    along already also alternative always among amount angry anna another answer answered answering answers anything
    anyway anywhere apache appear append apple application applied apricot april arguments arithmetic around array
    arrays arrow aside asked asks assassin assistant atomic atomics attend attention august auth autumn avocado avoid
    away back badminton baker balances balloon banana bans barrier base based bash basketball batch batches batching
    bathroom beach bearer beaver because become bedroom beetle before beforehand began begin beginning begins begun
    behind being belong below bench beside besides best between beyond bias biases bicycle bill billed biscuit bits
    blackberry blackboard blanket block blocks blueberry boat bodies body bookkeeper bookkeeping both bottle bottom
    bound bounded boxed boxing bracelet brave break breaks bridge brings broccoli broken bubble budget buffalo build
    builds butcher butter butterfly button bytes cabbage cache cached call called calling calls came camel cancels
    candle cannot canyon card cards carpenter carpet carries carrot carry case castle catalog catalogue catch cattle
    cause ceiling celery cent change changes character characters charged chat cheaper check checked checkpoint
    checkpoints checks cheerful cheese cherry chicken child chocolate choice choices chosen chunk chunked cinnamon
    city civic clarinet class clean cleared clever client clients climbing clone closes closing cloud coconut code
    coffee cold collar college columns come comes command comment committee compare compile compiled compiler compiles
    compiling completed completion completions compressed comprising computed concurrent connection considered
    considers contain content context continent continue continued continuous contract contradicts controls copied
    copies core cores corpus cost costs could counted country counts course courtesies crash create cricket crimson
    critical crocodile crowd cucumber curious currently curtain cuts dancer data database death deaths debug december
    decide decides decisions declared declares decode decoder decodes default defaults defect departures depend
    depends describes description desert design details detect developer device devices died dies differ different
    differs digit digits directory disable discarded dispatch docs doctor does doing dollars dolphin done donkey door
    dotted double down dragon dragonfly drain drops drum each earlier earring echo effect effort either element
    elephant else embeddings empty enabled encoding encourage ended ending endpoint endpoints ends enforced engine
    engineer engines enough enter entered enters entry environ environment equal eraser error errors estimated
    evaluate evaluation event events ever every everything examples exceeded exchange exist exists export fail failed
    fails fairy fall falling falls false families family farmer fast fastest february feeds fencing ferry field fields
    file files fills final find finds fingerprint finish first fits flag flags flex float flute focused folded folder
    folds follow followed foolish football forces forest fork format formats formatting former forms found four
    fragments frame frames free frequency fresh friday from full function functions further fuzz garage garden garlic
    gate generate generated generates generating generation generator generic generous gentle geography gets giant
    giggle ginger giraffe give given gives giving glacier goat gobble goes going golden good goodbye grammar grammars
    granted grape grasshopper greedy green greets group grouping grow guaranteed guitar hamster hand hands hangs
    happens happy harbour hardware harmony harp hashed hashing have head header heads health hedgehog held helicopter
    hello help here hermes hidden high higher highway history hockey hold holds home honest honey horse hospital host
    huge hungry hurricane identifier identifiers identifying identity idle ignore ignored images import imports
    include included including increasing index inference infinity inflated info information inherits input inside
    install instead instruction integer integers internal into intrinsics invalid island itself jacket january jealous
    jobs join joined journal journeys july jumping june just kangaroo kayak keep keeps kept kernel kernels kettle keys
    killable killed kind kinds kingdom kitchen knife knight knows koala lack ladybird large largest lasagna last later
    latter lawyer layer layers layout learns learnt least leaves ledger left lemon length lengths leopard lesson lets
    lettuce level levels lexer library lies lightning like likeliest likelihood likely limit limited limits line lines
    link lint lion list listen listening lists little lives lizard loaded loads locks logged lonely long longer
    longest looking looks loop loops loss lost lower lowered machine madam made magenta make makes mango many march
    marked marks mask masks mass match matches matrices matrix maxima maximum meadow mean means measured measures
    media median medicine medium meet meets megabytes melody melon memory message messages metered method metrics
    middle millennium million minimal minimum minus minutes mirror mississippi mitten mixture modalities mode model
    models monday money monitor monkey monster more mosquito most motorcycle mountain much multiple multiplies
    multiply mushroom music must mustard name named names naming native necklace need needed neither nervous never
    newer newest next nobody none noon norm notebook nothing notices november number numbered numbers nurse object
    ocean october octopus official offset offtopic often older omelette once ones onion only open operands options
    orange orchestra order origin other others otherwise otter ours outlives output outside over owner package
    packages padding page paged painter painting pair pairs pancake panda panel panels papaya paper parallel
    parameters parsley part parts passes past paste path paths patient pattern pays peach pebble penalize penalties
    penalty pencil penguin pepper perfectly perhaps permission permitted phase piano pick picked pickle picks piece
    pillow pilot pineapple pirate place plain plan planet plans plate plumber pocket point pool port position
    positions positive possess post potato prediction prefix prefixes prepares preparing presence present preview
    prices princess print prints priority probability problem problems process processes processor product products
    programs progress promise promises prompt prompts properties protect proud prove proved provided public pulse
    pumpkin pupil purple puts puzzle python quality queries queue quota rabbit racecar radar railway rain rainbow
    raise random range ranks raspberry rate reach read reader reading reads ready really reason reasoning recipe
    recommend refer reference refusal refused refuses registers rehearses relative remote remove rendered renders
    repeat repeatable repeating repeats repetition replaced reply report reported repository represents request
    requests required reserved reserves residual response rest result results retention retry return returned returns
    revoked rhythm right river rocket role roles room root rotate rotated rotor rounded rounding route rows rule
    runner running runs safety sailing sailor same sample sampled samples sampling sandal sandwich saturday saucer
    sausage saxophone says scale scarf scarlet scheduler schema scheme school science scores scripts seams second
    seconds seeded seeds seems seen self sending sends sent sentence september sequence sequences serve served server
    serves service services sets setting settings settled settles seven shape shapes share shared shark sheep shield
    shipped ships short shortened should shown shows side signals silent silently silly silver simple since singer
    single size skating skip sleepy sleeve slip slipper slips slower small snake snow socket soldier some somebody
    something sources space spaces spaghetti special specialises spending spent spider spinach spins split splits
    splitter spoon spring squirrel stale stall stalls stand standard stands start started starting starts statement
    station stats status step stepped steps still stop stopped stops store stored strawberry stream streamed streaming
    streams strict string strings structured struggle student submarine submit submits subtracts success such suffix
    sugar suite summer sums sunday sunshine supervise support supported survival sweater swimming switch sword system
    systems table tables tabs tags tailor take taken takes talk talks teacher teapot temperature template tennessee
    tennis terminal test tests text than thank that their them then there therefore they things third thirsty this
    those thread threading threads three through thunder thursday ticket tickets tied tier tiger tile time times
    together token tokens told tomato tool tools topic topics tornado total touched touches tractor train trained
    training trains transaction traps treasure trick tried trouble trousers true trumpet trust tuesday tunnel turkey
    turns turquoise turtle type types umbrella unavailable unchanged under undo unique universe university unknown
    unless unsupported until usage used user uses valid valley value values vanilla variable variant verbosity version
    versions very village vinegar violet violin virtual voice volcano volleyball wait waiting waits walk walks wall
    warm warning waterfall weather wednesday weight weighted weights well were whale what whatever when whenever where
    whether which whichever while white whole wholly whose widened width wiggle will window winter wire with within
    without wizard word wording words work worked worker works would wrestling write writer writes written wrong
    wrongly yellow yields yogurt your zebra zero zipper
    """.split()  # noqa: SIM905
)

"""English vocabulary of the sample corpus."""

from types import MappingProxyType

from scribetune.phrases import ExperimentWords, Phrases

_SLOTS = MappingProxyType(
    {
        "company": (
            "Harbour Mills", "Alder Foods", "Northgate Rail", "Quill & Sons", "Bexley Optics", "Larch Energy",
            "Tidewater Ltd", "Copper Lane", "Oakfield Dairy", "Vega Shipping", "Marlow Glass", "Juniper Labs",
            "Pike River Co.", "Falcon Tyres", "Wexford Paper", "Summit Tools", "Ember Ceramics", "Zephyr Air",
            "Kestrel Bank", "Hollow Oak", "Granite Works", "Ivory Textiles", "Dunmore Steel", "Yarrow Health",
        ),
        "person": (
            "A. Brandt", "M. Okafor", "J. Lindqvist", "P. Novak", "R. Haines", "S. Duarte", "K. Yamada", "E. Fox",
            "T. Weaver", "L. Moreau", "D. Quigley", "H. Zimmer", "C. Abbott", "V. Petrov", "N. Joshi", "B. Ulrich",
            "G. Castillo", "F. Xavier", "I. Thorne", "W. Kemp",
        ),
        "team": (
            "the sales team", "accounting", "the finance board", "customer service", "the design group", "purchasing",
            "the warehouse", "logistics", "the legal desk", "the works council", "quality control", "the pilot plant",
            "human resources", "the audit committee", "the web team", "maintenance",
        ),
        "place": (
            "Leeds", "Porto", "Gdansk", "Turin", "Bergen", "Lyon", "Basel", "Ghent", "Cork", "Graz", "Malmo",
            "Valencia", "Quebec", "Boston", "Denver", "Kyoto", "Perth", "Nairobi", "Oslo", "Zagreb",
        ),
        "product": (
            "glass fibre", "dairy products", "spare parts", "solar panels", "office chairs", "packaging", "cables",
            "bicycles", "garden tools", "ink and paper", "water pumps", "ceramic tiles", "software licences",
            "frozen food", "medical gloves", "truck tyres", "wool yarn", "LED lamps", "power drills", "book printing",
        ),
        "reason": (
            "higher freight rates", "a mild winter", "two large orders", "the weak pound", "lower energy prices",
            "strong demand from exporters", "a late delivery of parts", "the new price list", "a strike at the port",
            "longer opening hours", "fewer returns", "the closure of one line", "rising wages", "better yields",
            "a change in tax law", "the move to the new plant",
        ),
        "measure": (
            "cut stock levels", "renew the lease", "hire two drivers", "raise prices slightly",
            "replace the old press", "open a second shift", "close the smaller depot", "delay the upgrade",
            "review all contracts", "train new staff", "buy green power", "merge both offices",
            "pay suppliers sooner", "test a new supplier",
        ),
        "subject": (
            "parking permits", "the summer party", "travel costs", "fire drills", "the new phone system",
            "desk sharing", "visitor badges", "data backups", "the annual audit", "canteen prices", "shift plans",
            "printer paper", "safety shoes", "remote work", "waste sorting", "the key register", "holiday requests",
            "project codes", "meeting rooms", "software updates", "first aid", "the intranet",
        ),
        "document": (
            "the draft contract", "the price list", "the test report", "the site plan", "the cost estimate",
            "the meeting notes", "the checklist", "the order form", "the risk register", "the time sheet",
            "the floor plan", "the survey", "the signed offer", "the training plan",
        ),
        "weekday": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
        "month_name": (
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December",
        ),
        "item": (
            "Desk lamp", "Paper A4", "USB cable", "Toner black", "Steel bolts", "Work gloves", "Oak shelf",
            "Mouse pad", "Wall clock", "Hand soap", "Drill bits", "LED tube", "Battery AA", "Water filter",
            "Ink blue", "Tape roll", "Floor mat", "Key box", "Mail bags", "Ladder 2 m", "Paint white", "Fuse 10 A",
            "Hose 5 m", "Bench vice", "Notebook", "Tea, 250 g", "Coffee 1 kg", "Pallet", "Safety vest", "Label set",
            "Air hose", "Cutter",
        ),
        "street": ("Mill Road", "Quay Street", "Park Lane", "Station Way", "Elm Court", "Kings Hill", "Dock Row"),
        "apparatus": (
            "a digital balance", "a steel ruler", "a stopwatch", "a glass tube", "a light gate", "a water bath",
            "a data logger", "a vernier caliper", "a copper coil", "a thermometer", "a voltmeter", "a burette",
        ),
    }
)  # fmt: skip

_TEXTS = MappingProxyType(
    {
        "financial.title": (
            "{company}: Q{quarter} {year}", "{company}, year {year}", "Quarterly report of {company}",
            "Results for Q{quarter} {year}", "{company} in figures", "Financial summary {year}",
            "Interim report, {month_name} {year}", "{company} results", "Half-year review {year}",
            "Sales and costs {year}", "{company}: annual accounts", "Key figures, Q{quarter} {year}",
        ),
        "financial.opening": (
            "Revenue came to {amount}, which is {percent} more than in {last_year}.",
            "Sales of {product} rose by {percent}, helped by {reason}.",
            "The quarter closed with a profit of {amount} after {reason}.",
            "Orders from {place} and {place} grew by **{percent}** in total.",
            "Costs fell by {percent} because of {reason}.",
            "Against the plan, income was {amount} short, mainly due to {reason}.",
            "We sold {nnn} units of {product}, {nn} more than a year ago.",
            "Net debt now stands at **{amount}**, down from a peak in {month_name}.",
            "With {product} the group earned {amount} before tax.",
            "{month_name} was the best month: {share} of all sales fell into it.",
            "After a slow start, {reason} lifted the margin to {percent}.",
            "The site in {place} turned a loss into a gain of {amount}.",
            "Cash flow stayed positive at {amount} in spite of {reason}.",
            "Every second order was for {product}; the rest was split evenly.",
            "Exports to {place} made up {share} of turnover.",
            "Staff costs took {share} of revenue, {n} points less than planned.",
        ),
        "financial.comment": (
            "Figures are rounded and not audited.", "The last column compares both periods.",
            "{place} is shown at constant rates.", "All amounts include {product}.",
            "See the notes on page {n} for details.", "The gain in {place} reflects {reason}.",
            "Values were checked by {person}.", "Numbers for {month_name} are estimates.",
            "Shipping is not part of these totals.", "A full list is kept by {team}.",
            "The board approved the accounts on {date}.", "One-off items are left out.",
        ),
        "financial.formula_title": (
            "How it is calculated", "Method", "Definition of the {name}", "The {name}", "Note on the {name}",
            "Calculation", "Basis of the figures", "Formula used", "About the {name}",
        ),
        "financial.lead": (
            "The {name} is defined as follows:", "We compute the {name} from two values:",
            "For the {name} we use this rule:", "The {name} follows from the accounts:",
            "As in {last_year}, the {name} is given by:", "{team} works out the {name} like this:",
            "By definition, the {name} equals:", "The report states the {name}, that is:",
        ),
        "financial.symbol": (
            "Here <symbol> stands for the {name}.", "In what follows, <symbol> is the {name}.",
            "The symbol <symbol> is the {name} used above.", "We write <symbol> for the {name} in {year}.",
            "A high value of <symbol> is good for {company}.", "For {place}, <symbol> was {decimal} last year.",
            "The board wants <symbol> to improve by {percent}.", "Compare <symbol> with the plan for {next_year}.",
        ),
        "financial.section": (
            "Highlights", "Main points", "What changed", "Drivers", "Remarks", "In brief", "Risks", "Events",
        ),
        "financial.highlight": (
            "{product} up {percent}", "{reason} cost us {amount}", "new contract in {place}",
            "{n} stores opened in {place}", "order book: {amount}", "dividend of {n} cents per share",
            "{place} back in profit", "{person} joined the board", "loan of {amount} repaid",
            "{share} of staff in {place}", "price cut for {product}", "delay caused by {reason}",
            "stock down by {nn} days", "tax rate at {percent}", "{team} moved to {place}",
            "claim settled for {amount}",
        ),
        "financial.outlook_title": (
            "Outlook for {next_year}", "Next steps", "Plans", "Looking ahead", "Budget {next_year}",
            "What comes next", "Targets for {next_year}", "Priorities",
        ),
        "financial.outlook": (
            "For {next_year} we expect sales of {amount}, given {reason}.",
            "Management wants to {measure} before {month_name}.",
            "If {reason} goes on, profit could drop by {percent}.",
            "The plan assumes growth of {percent} in {place}.",
            "We will {measure} and {measure}, at a cost of {amount}.",
            "{team} expects a calm first half and more orders for {product} later.",
            "Investment will reach {amount}, most of it in {place}.",
            "No change is planned for {product}, where demand is stable.",
            "The forecast was raised twice since {month_name} because of {reason}.",
            "Prices for {product} should ease by {percent} over the year.",
        ),
        "financial.step": (
            "{measure}", "{measure} in {place}", "report to {team} by {date}", "check {document} with {person}",
            "sell the site in {place}", "set aside {amount}", "ask {team} for an offer",
            "launch {product} in {place}", "reduce waste by {share}", "close the books on {date}",
        ),
        "invoice.title": (
            "Invoice {year}-{nnn}", "Invoice No. {nnn}{nn}", "Invoice {nn}/{year}", "Bill No. {nnn}-{nn}",
            "Invoice A{nnn} of {date}", "Tax invoice {nnn}{n}", "Sales invoice {nn}-{nnn}",
        ),
        "invoice.parties": (
            "{company} to {company}, {street} {nn}, {place}", "Bill to: {company}, {place}",
            "Sold to {person}, {street} {nn}, {place}", "Customer: {company}, {street} {nn}",
            "Ship to {company}, dock {n}, {place}", "For {person}, {company}, {place}",
        ),
        "invoice.order": (
            "Your order of {date}, delivered on {date}.", "Order {nnn}-{nn}, shipped from {place}.",
            "Date: {date}. Reference: {nnn}/{nn}.", "Thank you for your order of {date}.",
            "We delivered these goods on {date}.", "As agreed with {person} on {date}:",
            "Delivery note {nnn}{nn} of {date}.", "Contract {nn}-{nnn}, call-off {n}.",
        ),
        "invoice.subtotal": ("Subtotal: {value}", "Net amount: {value}", "Sum: {value}", "Goods: {value}"),
        "invoice.tax": ("VAT {rate}: {value}", "Sales tax ({rate}): {value}", "Tax at {rate}: {value}"),
        "invoice.total": (
            "**Total: {value}**", "**Amount due: {value}**", "**Please pay {value}**", "**To pay: {value}**",
        ),
        "invoice.terms_title": (
            "Terms of payment", "Payment", "How to pay", "Notes to invoice {nnn}", "Terms", "Delivery and payment",
            "Conditions", "Please note",
        ),
        "invoice.terms": (
            "Payment is due within {nn} days of {date}.", "Please pay by {date} and quote number {nnn}{nn}.",
            "A discount of {n}% applies if you pay before {date}.", "The goods stay ours until they are paid for.",
            "Questions? Call {person} on {weekday} after {time}.", "We accept bank transfers and cards only.",
            "Pallets are charged at {small_amount} unless returned.", "Our bank in {place} has changed its name.",
            "Returns are free until {date}.", "Late payment adds {small_amount} per reminder.",
        ),
        "invoice.lead": (
            "The {name} is computed as:", "The {name} follows from:", "We work out the {name} like this:",
            "After {nn} days, the {name} is:", "For this contract, the {name} is:", "From {date}, the {name} equals:",
        ),
        "invoice.step": (
            "check the goods on arrival", "report damage within {n} days", "quote the number {nnn}-{nn}",
            "send {document} to {person}", "keep the seal for {nn} days", "return empty boxes to {place}",
            "pay {small_amount} on delivery", "sign {document}", "store at most {n} pallets high",
            "call {company} about delays", "allow {n} days for refunds", "use dock {n} in {place}",
        ),
        "lab.title": (
            "Lab sheet {nn}: {title}", "{title}", "Experiment {n}: {title}", "{title}, group {n}",
            "Exercise {nn}: {title}",
        ),
        "lab.setup": (
            "Measured by {person} with {apparatus} on {date}.", "We used {apparatus} and {apparatus}.",
            "Room {nnn}, {weekday}, {time}; air at {nn} °C.", "Each value is the mean of {n} readings.",
            "Group {n} took all readings with {apparatus}.", "The sample came from {place}, batch {nnn}.",
            "Readings were taken every {n} minutes with {apparatus}.", "{apparatus} was set to zero before each run.",
        ),
        "lab.analysis_title": (
            "Evaluation", "Analysis", "Result", "Data analysis", "Uncertainty", "Discussion", "Calculation", "Theory",
        ),
        "lab.lead": (
            "The {name} is found from:", "From theory, the {name} obeys:", "We evaluate the {name} with:",
            "The {name} of run {n} was computed as:", "For the {name} the textbook gives:",
            "All runs were used to find the {name}:", "To get the {name}, insert the means into:",
        ),
        "lab.symbol": (
            "Here <symbol> is the {name}.", "The letter <symbol> means the {name}.",
            "Our value of <symbol> is {percent} too high.", "Repeating run {n} changed <symbol> by {percent}.",
            "We find <symbol> within {percent} of the accepted value.", "The error of <symbol> is about {percent}.",
            "A plot of <symbol> against time is a line.", "For run {n}, <symbol> could not be read.",
        ),
        "lab.section": ("Notes", "Sources of error", "Remarks", "To improve", "Safety", "Observations"),
        "lab.note": (
            "{apparatus} drifted by {percent}", "run {n} was repeated", "friction was ignored",
            "wear goggles near {apparatus}", "the scale was read to {n} digits", "room at {nn} °C, rising slowly",
            "heat loss about {percent}", "reading {n} is an outlier", "replace {apparatus} next time",
            "{person} checked the zero point", "wait {n} minutes between runs", "take {nn} more readings",
            "draught from the window", "clean the glass before use", "wires must not touch", "see {document}",
        ),
        "lab.conclusion": (
            "The result agrees with theory to {percent}.", "Run {n} deviates most, probably through friction.",
            "The spread of {percent} is typical for {apparatus}.", "A longer series would halve the error.",
            "Within {percent} the values are constant.", "The trend is clear, but {n} points are too few.",
            "We recommend {apparatus} for the next class.", "Values above run {n} were not used.",
        ),
        "memo.title": (
            "Memo: {subject}", "{subject}", "Note on {subject}", "Changes to {subject}", "Minutes of {date}",
            "Reminder: {subject}", "{weekday} briefing", "Staff notice {nn}", "News about {subject}",
        ),
        "memo.line": (
            "From {person} to {team}, {date}", "To: {team}. From: {person}.", "{date}, for {team} in {place}",
            "For {team}, copy to {person}", "{place}, {date}", "Present: {person}, {person} and {person}",
        ),
        "memo.opening": (
            "From {date} on, new rules apply to {subject}.", "We met on {weekday} to discuss {subject}.",
            "Many of you have asked {team} about {subject}.", "Last month {subject} cost us **{amount}**.",
            "{team} will take over {subject} in {month_name}.", "Please read {document} before {weekday}.",
            "Because of {reason}, {subject} must wait until {month_name}.",
            "Thanks to {person}, {subject} is settled.", "The office in {place} closes at {time} on {weekday}.",
            "Only {share} of you replied to our questions on {subject}.",
            "**Please note** that {subject} will be checked by {team}.", "There is good news on {subject}.",
            "{company} has offered us better terms for {product}.",
            "Since {month_name}, complaints about {subject} have doubled.",
        ),
        "memo.body": (
            "{person} will answer questions about {subject}.", "It took {team} {nn} hours to prepare {document}.",
            "We plan to {measure} as soon as {person} is back.", "Nothing changes for {team}.",
            "The budget of {amount} covers {subject} too.", "Please be on time: we start at {time}.",
            "In {place} the same step saved {amount} a year.", "Copies of {document} lie at the front desk.",
            "Until then, {subject} stays as it is.", "If in doubt, ask {team} first.",
            "The trial in {place} showed that {share} of us are content.", "This replaces the memo of {date}.",
            "{team} and {team} share the work.", "We expect {nn} guests from {company}.",
        ),
        "memo.decisions": ("Decisions", "What we agreed", "In short", "Points", "Main changes", "Topics", "Rules"),
        "memo.actions": ("Actions", "To do", "Next steps", "Who does what", "Tasks", "Timetable"),
        "memo.bullet": (
            "{subject}: no change", "{measure}", "limit of {small_amount} per person", "{team} to check {document}",
            "new date: {date}", "{person} leads the project", "{share} of costs covered", "doors open at {time}",
            "one key for each of {nn} rooms", "{subject} moves to {place}", "forms go to {person}",
            "old badges expire on {date}", "orders above {amount} need two names", "{subject} twice a week",
            "free for {team}", "no cash at the desk",
        ),
        "memo.action": (
            "{person} sends {document} by {weekday}", "{team} will {measure}", "order {nn} sets of {product}",
            "book room {nnn} for {date}", "call {company} about {subject}", "{person} updates {document}",
            "ask {team} for numbers", "test {subject} in {place}", "return keys before {time}",
            "{person} and {person} visit {place}", "collect feedback until {date}", "pay {amount} to {company}",
            "print {nnn} copies", "report back on {weekday}",
        ),
        "table.before": ("{last_year}", "Last year", "Before", "Q{quarter} {last_year}"),
        "table.now": ("{year}", "This year", "Now", "Current"),
        "table.change": ("Change", "Growth", "+/-"),
        "table.plan": ("Plan", "Budget", "Target"),
        "table.actual": ("Actual", "Result", "Real"),
        "table.revenue": ("Revenue", "Sales", "Income", "Turnover"),
        "table.share": ("Share", "Part", "% of total"),
        "table.units": ("Units", "Orders", "Pieces"),
        "table.total": ("Total", "Sum", "All"),
        "table.number": ("No.", "Pos.", "#"),
        "table.item": ("Item", "Article", "Goods", "Description"),
        "table.quantity": ("Qty", "Units", "Pcs"),
        "table.price": ("Price", "Unit price", "Each"),
        "table.amount": ("Amount", "Sum", "Line total"),
    }
)  # fmt: skip

_KEY_COLUMNS = MappingProxyType(
    {
        "Region": ("North", "South", "East", "West", "Coast", "Islands", "Centre", "Abroad"),
        "Product": ("Pumps", "Cables", "Tiles", "Lamps", "Yarn", "Tyres", "Paper", "Tools", "Gloves", "Chairs"),
        "Plant": ("Leeds", "Porto", "Turin", "Bergen", "Lyon", "Ghent", "Cork", "Graz", "Oslo", "Perth"),
        "Segment": ("Retail", "Online", "Export", "Service", "Rental", "Repair", "Leasing", "Training"),
        "Item": ("Wages", "Energy", "Freight", "Rent", "Interest", "Taxes", "Repairs", "Fuel", "Fees"),
        "Customer": ("Public", "Private", "Schools", "Hotels", "Clinics", "Farms", "Shops", "Banks"),
    }
)  # fmt: skip

_EXPERIMENTS = MappingProxyType(
    {
        "density": ExperimentWords(
            titles=("Density of a metal", "Density by immersion", "Which metal is it?"),
            aims=("Five cubes were weighed and dipped into water.", "Mass and volume of metal blocks were compared."),
            headers=("Run", "Mass (g)", "Vol. (mL)", "Density"),
        ),
        "pendulum": ExperimentWords(
            titles=("Simple pendulum", "Gravity from a pendulum", "Period and length"),
            aims=("The period was timed over ten swings.", "We changed the length of the string only."),
            headers=("Run", "Length (m)", "Period (s)"),
        ),
        "ohm": ExperimentWords(
            titles=("Ohm's law", "Resistance of a coil", "Current and voltage"),
            aims=("The voltage was raised in equal steps.", "A coil was tested between 1 V and 9 V."),
            headers=("No.", "U (V)", "I (mA)", "R (ohm)"),
        ),
        "fall": ExperimentWords(
            titles=("Free fall", "Falling ball", "Gravity from free fall"),
            aims=("A steel ball fell from several heights.", "The time of fall was read by a light gate."),
            headers=("Drop", "Height (m)", "Time (s)"),
        ),
        "cooling": ExperimentWords(
            titles=("Cooling of water", "Newton's law of cooling", "A cup of tea cools"),
            aims=("Hot water cooled in an open cup.", "The cup stood on cork, away from draughts."),
            headers=("Step", "Time (min)", "Temp. (°C)"),
        ),
        "spring": ExperimentWords(
            titles=("Hooke's law", "Stiffness of a spring", "Spring under load"),
            aims=("Weights were hung on a spring one by one.", "The stretch was read on a mirror scale."),
            headers=("Run", "Force (N)", "Stretch (cm)", "k (N/m)"),
        ),
        "lens": ExperimentWords(
            titles=("Thin lens", "Focal length", "Image of a candle"),
            aims=("A sharp image was found for each distance.", "The screen was moved until the image was sharp."),
            headers=("Trial", "a (cm)", "b (cm)", "f (cm)"),
        ),
        "titration": ExperimentWords(
            titles=("Acid in vinegar", "Titration", "Strength of an acid"),
            aims=("Vinegar was titrated with sodium hydroxide.", "The end point was a pale pink colour."),
            headers=("Flask", "Start (mL)", "End (mL)", "Used (mL)"),
        ),
        "gas": ExperimentWords(
            titles=("Boyle's law", "Pressure and volume", "Gas in a syringe"),
            aims=("Air in a syringe was pressed slowly.", "The temperature was kept constant."),
            headers=("Run", "p (kPa)", "V (mL)"),
        ),
        "growth": ExperimentWords(
            titles=("Growth of yeast", "Cell count", "Yeast in sugar"),
            aims=("Cells were counted under the microscope.", "The culture was kept in a water bath."),
            headers=("Sample", "Time (h)", "Cells"),
        ),
    }
)  # fmt: skip

_FORMULA_NAMES = MappingProxyType(
    {
        "change_rate": ("growth rate", "rate of change", "yearly growth"),
        "margin": ("profit margin", "net margin", "gross margin"),
        "compound": ("final capital", "compound value", "value after n years"),
        "annual_growth": ("mean growth rate", "average return", "yearly return"),
        "present_value": ("present value", "net present value", "value today"),
        "break_even": ("break-even quantity", "critical volume", "least output"),
        "weighted_mean": ("mean price", "weighted average", "average cost"),
        "variance": ("variance", "spread of results", "variance of returns"),
        "elasticity": ("price elasticity", "demand response"),
        "return_on_equity": ("return on equity", "yield of capital", "return"),
        "turnover": ("stock turnover", "turnover rate", "turn of stock"),
        "interest": ("interest due", "late fee", "cost of delay"),
        "discount": ("discounted price", "cash price", "net price"),
        "price_index": ("adjusted price", "indexed price", "new price"),
        "mean_value": ("mean value", "average of all runs", "arithmetic mean"),
        "deviation": ("standard deviation", "spread", "scatter"),
        "error": ("relative error", "error in percent", "deviation from the true value"),
        "slope": ("slope", "slope of the line", "gradient"),
        "propagation": ("combined error", "total uncertainty", "uncertainty"),
        "density": ("density", "density of the block"),
        "pendulum": ("acceleration of gravity", "gravity"),
        "ohm": ("resistance", "resistance of the coil"),
        "fall": ("acceleration", "acceleration of the ball"),
        "cooling": ("temperature", "temperature of the cup"),
        "spring": ("spring constant", "stiffness"),
        "lens": ("focal length", "focal length of the lens"),
        "titration": ("concentration", "strength of the acid"),
        "gas": ("pressure", "pressure of the gas"),
        "growth": ("number of cells", "cell count"),
    }
)  # fmt: skip

PHRASES = Phrases(
    language="en",
    capitalised=True,
    slots=_SLOTS,
    texts=_TEXTS,
    key_columns=_KEY_COLUMNS,
    experiments=_EXPERIMENTS,
    formula_names=_FORMULA_NAMES,
    currencies=("$", "€", "£"),
    months=_SLOTS["month_name"],
    date_form="{day} {month} {year}",
)

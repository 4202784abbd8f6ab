"""Titles in six more languages: level and function, letter variants, mixed titles, traps; and what holds for all."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.insight import titles
from connector.insight.titles.lexicon import FUNCTIONS, lexicon
from connector.insight.titles.parser import NOTHING, Meaning, read_title

ALL = [lexicon(language) for language in titles.Settings().languages]


def read(text: str) -> Meaning:
    return read_title(text, ALL)


# A title, its level and function: `-` is unknown, `*` is not asked for. Labelled by hand from the levels of the manual.
TABLES = {
    "de": """
        Vertriebsleiter = 3 sales
        Einkaufsleiterin = 3 procurement
        Bereichsleitung Produktion = 4 operations
        Personalreferent (m/w/d) = 1 hr
        Geschäftsführer = 5 general
        Geschaeftsfuehrende Gesellschafterin = 5 general
        Leiter/-in IT = 3 it
        Stellv. Abteilungsleiter Logistik = 2 operations
        Assistentin der Geschäftsführung = 0 general
        Kaufmännischer Leiter = 3 finance
        Leiter IT-Einkauf = 3 procurement
        Sachbearbeiter:in Buchhaltung = 0 finance
        Key-Account-Manager = 1 sales
        Projektleiter Digitalisierung = 2 it
        Vorstand Finanzen = 5 finance
        Mitglied des Vorstands = 5 general
        Betriebsratsvorsitzender = - -
        Head of Einkauf DACH = 3 procurement
        Softwareentwickler = 1 it
        Qualitätsingenieur = 1 quality
        Vertriebscontroller = 1 finance
        Vorstandsassistentin = 0 general
        Referent des Vorstands = 1 -
        Teamleiter Kundenservice = 2 sales
        Leiter Halbleiterentwicklung = 3 engineering
        ehem. Geschäftsführer = 5 general
        Prokurist, Leiter Rechnungswesen = 3 finance
        Chefarzt = 3 other
        Geschäftsführer / Managing Director = 5 general
        Werkstudent Marketing = 0 marketing
        Vertriebs- und Marketingleiter = 3 sales
        Mitarbeiter Vertriebsinnendienst = 0 sales
        Bürokauffrau = 0 other
        Director Supply Chain = 3 procurement
        Chief Executive Officer = 5 general
        Leiter der Abteilung Personalentwicklung = 3 hr
        Leiterin des Bereichs Recht & Compliance = 4 legal
    """,
    "fr": """
        PDG = 5 general
        Président-directeur général = 5 general
        Directrice des achats = 3 procurement
        Directeur général adjoint achats = 4 procurement
        Directeur Général Adjoint = 4 general
        DSI = 5 it
        Directeur des systèmes d'information = 5 it
        Directeur financier = 3 finance
        Chef du service informatique = 3 it
        Responsable comptabilité = 2 finance
        Chargée d'achats = 1 procurement
        Ingénieur qualité = 1 quality
        Ingénieur(e) commercial(e) = 1 sales
        Assistante de direction = 0 other
        Assistant(e) RH = 0 hr
        Directeur·rice marketing = 3 marketing
        Chef de projet informatique = 2 it
        Responsable du service client = 2 sales
        Adjoint au directeur des ressources humaines = 2 hr
        Directeur adjoint de la production = 2 operations
        Délégué syndical = - -
        Secrétaire général = 5 general
        Ex-directeur commercial = 3 sales
        Directeur par intérim = 3 -
        Gérant = 5 general
        Technicien de maintenance (H/F) = 1 operations
        Chef de cuisine = 2 other
        Responsable administrative et financière = 2 finance
        Agent administratif = 0 other
        Développeur web = 1 it
        Contrôleur de gestion = 1 finance
        Attaché commercial = 1 sales
        Directeur R&D = 3 engineering
        Directeur technique = 3 engineering
        Vice-président production = 4 operations
        Co-fondatrice & CTO = 5 engineering
        Gestionnaire de paie = 1 hr
        Comptable = 1 finance
        Infirmière = 1 other
        Responsable logistique et achats = 2 operations
        Sous-directrice des affaires juridiques = 2 legal
        Chef d'équipe production = 2 operations
        Assistant comptable = 0 finance
        Secrétaire de direction = 0 other
        Directeur d'usine = 3 operations
        Head of Sales France = 3 sales
    """,
    "es": """
        Director General = 5 general
        Consejera delegada = 5 general
        Gerente de Compras = 2 procurement
        Jefa de compras = 2 procurement
        Subdirector general de compras = 4 procurement
        Directora de Recursos Humanos = 3 hr
        Técnico de mantenimiento = 1 operations
        Auxiliar administrativa = 0 other
        Director/a Comercial = 3 sales
        Jefe de Departamento de TI = 3 it
        Responsable de Calidad = 2 quality
        Vicepresidente = 4 -
        Adjunto a Dirección = 0 other
        Asistente de dirección = 0 other
        Director adjunto de Operaciones = 2 operations
        Presidenta = 5 general
        Gerente general = 5 general
        Analista de sistemas = 1 it
        Delegado sindical = - -
        Director de Marketing y Ventas = 3 marketing
        Ex director financiero = 3 finance
        Coordinadora de Logística = 1 operations
        Contadora = 1 finance
        Jefe de turno de producción = 2 operations
        Encargado de almacén = 2 operations
        Ingeniero de Calidad = 1 quality
        Director Técnico = 3 engineering
        Director Administrativo y Financiero = 3 finance
        Socio fundador = 5 general
        Ejecutivo de cuentas = 1 sales
        Subgerente de Finanzas = 1 finance
        Abogada = 1 legal
        Enfermera = 1 other
        Secretaria de Dirección = 0 *
        Jefe/a de Proyecto IT = 2 it
        Administrador único = 5 general
        Responsable I+D = 2 engineering
        Director General / CEO = 5 general
        Becario de Marketing = 0 marketing
        Director en funciones = 3 -
        Key Account Manager = 1 sales
        Director Regional de Ventas = 3 sales
        Jefe de Recursos Humanos = 2 hr
    """,
    "ru": """
        Генеральный директор = 5 general
        Заместитель директора по закупкам = 2 procurement
        Начальник отдела закупок = 2 procurement
        Директор по продажам = 3 sales
        Ведущий специалист по закупкам = 1 procurement
        Менеджер по продажам = 1 sales
        Зам. начальника отдела = 1 -
        Первый заместитель генерального директора = 4 general
        Помощник генерального директора = 0 *
        И.о. директора филиала = 3 operations
        Главный бухгалтер = 3 finance
        Вице-президент по закупкам = 4 procurement
        ИТ-директор = 5 it
        Руководитель департамента ИТ = 3 it
        Коммерческий директор = 5 sales
        Советник генерального директора = 1 *
        Бывший финансовый директор = 5 finance
        Начальник управления производства = 3 operations
        Старший инженер-технолог = 1 engineering
        Офис-менеджер = 0 other
        HR-директор = 3 hr
        Руководитель отдела маркетинга и рекламы = 2 marketing
        Индивидуальный предприниматель = 5 general
        Председатель профкома = - -
        Инженер по качеству = 1 quality
        Замгендиректора по развитию = 4 engineering
        Секретарь-референт = 0 other
        Специалист отдела кадров = 1 hr
        CEO / Основатель = 5 general
        Head of Sales / руководитель отдела продаж = 3 sales
        Юрисконсульт = 1 legal
        Менеджер = 1 -
        Директор = 3 -
        Технический директор = 5 engineering
        Главный инженер проекта = 3 *
        Руководитель проектов = 2 -
        Программист 1С = 1 it
        Бухгалтер по расчету заработной платы = 1 finance
        Водитель = 0 operations
        Заместитель главного бухгалтера = 2 finance
        Кладовщик = 0 operations
        Директор по персоналу = 3 hr
        Исполнительный директор = 5 general
        Логист = 1 operations
        Начальник отдела логистики = 2 operations
        Начальник юридического отдела = 2 legal
    """,
    "fa": """
        مدیرعامل = 5 general
        مدیر عامل و عضو هیئت مدیره = 5 general
        مدیر‌عامل = 5 general
        مدير عامل = 5 general
        معاون مدیرعامل = 4 general
        معاون فروش = 4 sales
        قائم‌مقام مدیرعامل = 4 general
        مدیر فروش = 3 sales
        مدیرفروش = 3 sales
        مدیر کل امور مالی = 3 finance
        رئیس حسابداری = 3 finance
        کارشناس ارشد خرید = 1 procurement
        سرپرست خط تولید = 2 operations
        منشی مدیرعامل = 0 general
        مسئول دفتر مدیرعامل = 0 general
        مدیر سابق بازاریابی = 3 marketing
        مدیر ارشد مالی = 5 finance
        نایب رئیس هیئت مدیره = 4 general
        معاون مدیر فروش = 2 sales
        مدیر IT = 3 it
        مدیر فناوری اطلاعات / IT Manager = 3 it
        مشاور مدیرعامل = 1 -
        معاونت منابع انسانی = 4 hr
        نماینده شورای اسلامی کار = - -
        کارمند حسابداری = 0 finance
        رئیس هیأت مدیره = 5 general
        بنیان‌گذار = 5 general
        مدیر کنترل کیفیت = 3 quality
        مهندس فروش = 1 sales
        امام جمعه = - -
        مسئول خرید = 2 procurement
        دستیار مدیرعامل = 0 general
        مدیر پروژه = 2 -
        معاون بازرگانی = 4 procurement
        مدیر نگهداری و تعمیرات = 3 operations
    """,
    "ar": """
        الرئيس التنفيذي = 5 general
        المدير العام = 5 general
        نائب الرئيس للمشتريات = 4 procurement
        نائب المدير العام = 4 general
        مدير المبيعات = 2 sales
        مدير إدارة المشتريات = 3 procurement
        رئيس قسم المحاسبة = 3 finance
        مشرف الإنتاج = 2 operations
        أخصائي أول هندسة = 1 engineering
        موظف حسابات = 0 finance
        مساعد المدير العام = 4 general
        مساعد إداري = 0 other
        مدير المبيعات والتسويق = 2 sales
        مستشار الرئيس التنفيذي = 1 -
        سكرتيرة المدير العام = 0 *
        المدير العام السابق = 5 general
        رئيس مجلس الإدارة = 5 general
        مديرة الموارد البشرية = 2 hr
        الرئيس التنفيذي للعمليات = 5 operations
        مهندس جودة = 1 quality
        إمام وخطيب مسجد = - -
        رئيس النقابة = - -
        مدير تقنية المعلومات = 2 it
        الرئيس التنفيذي / CEO = 5 general
        مُدِير المَبِيعَات = 2 sales
        مدير مشروع = 2 -
        محاسب = 1 finance
        نائب مدير المشتريات = 1 procurement
        مدير عام بالإنابة = 5 general
        مسؤول مشتريات = 1 procurement
        الرئيس المالي = 5 finance
        شريك مؤسس = 5 general
        مديرة HR = 2 hr
        نائب رئيس قسم = 2 -
        الرئيس التنفيذي للشؤون المالية = 5 finance
    """,
}
TITLES = {
    language: [(t, *w.split()) for t, w in (line.strip().split(" = ") for line in table.strip().splitlines())]
    for language, table in TABLES.items()
}
EVERY = list(chain.from_iterable(TITLES.values()))


@pytest.mark.parametrize("language", TITLES)
def test_a_title_of_the_language_has_its_level_and_function(language: str) -> None:
    wrong = []
    for title, level, function in TITLES[language]:
        meaning = read(title)
        told = (str(meaning.level), str(meaning.function))
        wanted = (level.replace("-", "None"), function.replace("-", "None"))
        if any(w not in ("*", t) for w, t in zip(wanted, told, strict=True)):
            wrong.append(f"{title}: {told}, not {wanted}")
    assert not wrong


SAME = """
    Geschäftsführer = Geschaeftsfuehrer = GESCHÄFTSFÜHRER = Geschäftsführer*in = Geschäftsführer (m/w/d)
    Leiter Einkauf = Leiterin Einkauf = Leiter/-in Einkauf = Leiter:in Einkauf = Einkaufsleiter = Einkaufs-Leiter
    Directeur général = Directrice générale = DIRECTEUR GENERAL = Directeur·rice général·e = Directeur(trice) général(e)
    Chargé de recrutement = Chargée de recrutement = Chargé(e) de recrutement (H/F) = chargé.e de recrutement
    Director de compras = Directora de compras = Director/a de Compras = DIRECTOR(A) DE COMPRAS
    Técnico de calidad = Tecnico de Calidad = Técnica de calidad
    Заместитель директора по закупкам = Зам. директора по закупкам = замдиректора по закупкам
    Главный бухгалтер = Гл. бухгалтер = главбух
    مدیر کیفیت = مدير كيفيت = مدیرکیفیت = مدیر‌کیفیت
    رئیس هیئت مدیره = رئیس هیأت مدیره = رییس هیات مدیره
    المدير العام = مدير عام = المُدير العام = المديـــر العام = المديرة العامة
    أخصائي مشتريات = اخصائي مشتريات = أخصائية مشتريات = أخصائي المشتريات
"""


@pytest.mark.parametrize("line", SAME.strip().splitlines())
def test_gender_spelling_and_letter_variants_change_nothing(line: str) -> None:
    first, *others = [read(t.strip()) for t in line.split(" = ")]
    assert first.level is not None
    assert others == [first] * len(others)


@pytest.mark.parametrize(
    ("title", "flags"),
    [
        ("Stellv. Geschäftsführer", {"deputy"}),
        ("Stellvertreter des Abteilungsleiters", {"deputy"}),
        ("Kommissarische Leiterin Einkauf", {"acting"}),
        ("ehem. Vorstand", {"former"}),
        ("Assistentin des Vorstands", {"assistant"}),
        ("Directeur adjoint", {"deputy"}),
        ("Directrice par intérim", {"acting"}),
        ("Ancien directeur des achats", {"former"}),
        ("Subdirectora de compras", {"deputy"}),
        ("Directora en funciones", {"acting"}),
        ("Exdirector comercial", {"former"}),
        ("Врио директора", {"acting"}),
        ("экс-директор", {"former"}),
        ("Зам. директора", {"deputy"}),
        ("Помощник президента", {"assistant"}),
        ("معاون مدیر کل", {"deputy"}),
        ("مدیرعامل سابق", {"former"}),
        ("نائب المدير العام", {"deputy"}),
        ("نائب مدير المبيعات", {"deputy"}),
        ("مدير المبيعات المكلف", {"acting"}),
    ],
)
def test_modifiers_of_each_language_are_seen(title: str, flags: set[str]) -> None:
    meaning = read(title)
    assert {f for f in ("former", "acting", "deputy", "assistant") if getattr(meaning, f)} == flags


@pytest.mark.parametrize(
    "title",
    [
        "Betriebsrätin; Leiterin Einkauf",
        "Gesamtbetriebsratsvorsitzende",
        "Schwerbehindertenvertretung",
        "Pfarrer",
        "Secrétaire du CSE",
        "Directeur, délégué syndical",
        "Référent handicap",
        "Curé de la paroisse",
        "Presidente del comité de empresa",
        "Director, delegado sindical",
        "Párroco",
        "Председатель профсоюза",
        "Инвалид II группы, бухгалтер",
        "Настоятель храма",
        "رئیس شورای اسلامی کار",
        "مدیر مالی (جانباز)",
        "امام جماعت مسجد",
        "رئيس نقابة العمال",
        "موظف من ذوي الإعاقة",
        "القس",
    ],
)
def test_union_health_and_belief_give_nothing_in_any_language(title: str) -> None:
    assert read(title) == NOTHING


@pytest.mark.parametrize(
    "title",
    ["Ansprechpartner", "Halbleiter", "Xyzzy Blub", "Без должности", "نامعلوم", "غير معروف", "Sin cargo", "Inconnu"],
)
def test_what_no_lexicon_knows_stays_unknown(title: str) -> None:
    assert read(title).level is None


@pytest.mark.parametrize("title", ["Executive Assistant to the CEO", "Assistant to the Director", "PA to the Chairman"])
def test_english_stays_english_beside_languages_that_borrow_from_it(title: str) -> None:
    assert read(title) == read_title(title, [lexicon("en")])
    assert read(title).level == 0


@given(st.permutations([x.language for x in ALL]), st.sampled_from(EVERY))
@settings(max_examples=200, deadline=None)
def test_the_order_of_the_settings_changes_no_title_of_a_clear_language(order: Sequence[str], row: Any) -> None:
    assert read_title(row[0], [lexicon(language) for language in order]) == read(row[0])


@given(st.sampled_from(EVERY), st.sampled_from(["de", "fr", "es", "ru", "fa", "ar"]))
@settings(max_examples=200, deadline=None)
def test_a_language_alone_reads_its_own_titles_as_all_do(row: Any, language: str) -> None:
    if row in TITLES[language] and "/" not in row[0]:
        assert read_title(row[0], [lexicon("en"), lexicon(language)]) == read(row[0])


LETTERS = st.characters(categories=["L", "M", "N", "P", "S", "Z", "Cc", "Cf"])
WORDS = st.sampled_from(
    [w for title, *_ in EVERY for w in title.split()] + ["-", "/", "(", "*", "d'", "ال", "و", "зам", "'"]
)


@given(
    st.text(LETTERS, max_size=40) | st.lists(WORDS, max_size=9).map(" ".join) | st.lists(WORDS, max_size=5).map("".join)
)
@settings(max_examples=300, deadline=None)
def test_no_text_of_any_script_raises(text: str) -> None:
    meaning = read(text)
    assert meaning.level in (None, 0, 1, 2, 3, 4, 5)
    assert meaning.function in (None, *FUNCTIONS)


def test_every_phrase_of_every_lexicon_can_be_found() -> None:
    words = {p: [w.strip("*") or "x" for w in p.split()] for x in ALL for p in x.kinds}
    assert not [(x.language, p) for x in ALL for p in x.kinds if not x.levels.find(words[p])]
